// Several processes that train one model: who they are, and sums over all of them.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

namespace deformer {

/// The usual environment: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, as torchrun sets them. Not
/// safe for concurrent calls.
///
/// Meeting point and transport are c10d's TCPStore, which rank 0 (or torchrun's agent) serves. Each
/// rank owns a part of the numbers, adds up what the others send it and sends the sum back, so
/// every rank gets the same bits. All of it passes through the one server: good for a few
/// processes, not for many machines (docs/training.md has the cost).
class ProcessGroup {
 public:
  /// Null for a single process (WORLD_SIZE absent or 1). Waits for all others. Throws
  /// kInvalidArgument for a malformed environment, kIo when the others cannot be reached.
  [[nodiscard]] static std::unique_ptr<ProcessGroup> from_environment();

  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  [[nodiscard]] std::uint64_t rank() const noexcept { return rank_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Replaces `values` by their sums over all ranks, which must call with equally many. Throws kIo
  /// when a rank is gone or silent for half an hour.
  void sum(std::vector<float>& values);

  /// The last call of every rank: the one that serves the others returns when all have left. Throws
  /// kIo.
  void leave();

 private:
  struct Connection;
  ProcessGroup(std::uint64_t rank, std::uint64_t size, std::unique_ptr<Connection> connection);
  [[noreturn]] void lose(const std::exception& error) const;

  std::uint64_t rank_;
  std::uint64_t size_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace deformer
