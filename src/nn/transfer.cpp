#include "nn/transfer.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace deformer::nn {

at::Tensor staging(at::IntArrayRef sizes, at::ScalarType type, const at::Device& device) {
  return at::empty(sizes, at::device(at::kCPU).dtype(type).pinned_memory(device.is_cuda()));
}

at::Tensor to_device(const at::Tensor& host, const Placement& placement) {
  // In two steps: a copy that also changes the type does so on the host.
  return host.to(placement.device, /*non_blocking=*/true).to(placement.type);
}

at::Tensor to_device(const at::Tensor& host, const at::Device& device) {
  if (device.is_cpu()) return host;
  // From memory that is not page-locked a copy waits for all that the device has to do.
  return host.pin_memory().to(device, /*non_blocking=*/true);
}

HostCopy::HostCopy(const at::Tensor& values) {
  if (values.is_cpu()) {
    host_ = values.contiguous();
    return;
  }
  host_ = staging(values.sizes(), values.scalar_type(), values.device());
  host_.copy_(values, /*non_blocking=*/true);
  const c10::impl::VirtualGuardImpl device(values.device().type());
  done_ = std::make_shared<c10::Event>(values.device().type());
  done_->record(device.getStream(values.device()));
}

bool HostCopy::is_there() const {
  return !done_ || done_->query();
}

const at::Tensor& HostCopy::wait() const {
  if (done_) done_->synchronize();
  return host_;
}

}  // namespace deformer::nn
