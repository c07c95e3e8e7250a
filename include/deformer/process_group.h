// Several processes that train one model: who they are, and sums over all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "deformer/export.h"

namespace deformer {

/// What training asks of the processes' connection. Derive to bring a transport of your own; the
/// tool's is MPI. Used by one thread at a time.
class DEFORMER_EXPORT ProcessGroup {
 public:
  ProcessGroup() = default;
  /// Without leave() something went wrong here: the others are not to wait for ever.
  virtual ~ProcessGroup() = default;
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  /// From 0. Rank 0 writes, evaluates and reports.
  [[nodiscard]] virtual std::uint64_t rank() const noexcept = 0;
  /// At least 2.
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;

  /// Begins to replace `values` by their sums over all ranks; nobody touches them before
  /// finish_sums() returns. All ranks begin sums of as many values, in the same order. All get the
  /// same bits, or their models drift apart. Throws kIo when a rank is gone.
  virtual void begin_sum(std::span<float> values) = 0;
  /// Waits for all sums that have begun. Throws kIo when a rank is gone.
  virtual void finish_sums() = 0;

  /// The last call of every rank. Throws kIo.
  virtual void leave() = 0;
};

/// The processes that the usual environment names: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, as
/// torchrun sets them. Null for a single one (WORLD_SIZE absent or 1). Waits for all others. Throws
/// kInvalidArgument for a malformed environment, kIo when the others cannot be reached.
///
/// Meeting point and transport are c10d's TCPStore, which rank 0 (or torchrun's agent) serves: all
/// sums pass through it, so it suits a few processes of one machine, and needs nothing installed.
[[nodiscard]] DEFORMER_EXPORT std::unique_ptr<ProcessGroup> process_group_from_environment();

}  // namespace deformer
