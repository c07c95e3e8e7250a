// Values on their way between the host and a device, without either waiting for the other.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <memory>

#include "nn/placement.h"

namespace deformer::nn {

/// New host memory that to_device() copies from without waiting: page-locked where the device is a
/// GPU.
[[nodiscard]] at::Tensor staging(at::IntArrayRef sizes, at::ScalarType type,
                                 const at::Device& device);

/// `host` on the device, in that type. A GPU copies while the host goes on; the type is changed
/// there. On a CPU `host` itself where the type is the same.
[[nodiscard]] at::Tensor to_device(const at::Tensor& host, const Placement& placement);

/// The same from ordinary memory, in its own type: for index lists.
[[nodiscard]] at::Tensor to_device(const at::Tensor& host, const at::Device& device);

/// A tensor that is being computed and copied to the host. On a CPU it is there at once.
class HostCopy {
 public:
  /// Asks for the copy; the device makes it when what it was told before is done.
  explicit HostCopy(const at::Tensor& values);

  [[nodiscard]] bool is_there() const;

  /// Waits for it. Contiguous, on the CPU.
  [[nodiscard]] const at::Tensor& wait() const;

 private:
  at::Tensor host_;
  std::shared_ptr<c10::Event> done_;  // null on a CPU
};

}  // namespace deformer::nn
