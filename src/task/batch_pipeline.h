// A device computes one batch while the host makes the next one ready.
#pragma once

#include <functional>
#include <optional>
#include <utility>

namespace deformer {

/// `Result`, that of a batch, says by is_there() whether waiting for it would take time
/// (nn::HostCopy).
template <typename Batch, typename Result>
class BatchPipeline {
 public:
  /// Called once for each batch, in order; waits for the result and uses it.
  using Finish = std::function<void(Batch& batch, const Result& result)>;

  explicit BatchPipeline(Finish finish) : finish_(std::move(finish)) {}

  /// Takes a batch that the device has been told to compute. Finishes the one before it, which the
  /// device computed meanwhile, and this one if it is there already, as it is on a CPU.
  void push(Batch batch, Result result) {
    drain();
    running_.emplace(std::move(batch), std::move(result));
    if (running_->second.is_there()) drain();
  }

  /// Finishes what is left.
  void drain() {
    if (!running_) return;
    auto [batch, result] = std::move(*running_);
    running_.reset();
    finish_(batch, result);
  }

 private:
  Finish finish_;
  std::optional<std::pair<Batch, Result>> running_;
};

}  // namespace deformer
