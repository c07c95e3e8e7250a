#include "train/gradient_sum.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace deformer {
namespace {

// Large enough that a sum is not all latency, small enough that the first one starts early:
// PyTorch's DistributedDataParallel has 25 MB.
constexpr std::int64_t kBucketValues = std::int64_t{6} << 20;

}  // namespace

// Called when a backward pass has added to a parameter's gradient.
struct GradientSum::Hook final : torch::autograd::PostAccumulateGradHook {
  Hook(GradientSum& owner, std::size_t parameter) : sum(owner), index(parameter) {}
  void operator()(const torch::autograd::Variable& /*tensor*/) override {
    if (sum.is_last_pass_) sum.take(index);
  }

  GradientSum& sum;
  std::size_t index;
};

GradientSum::GradientSum(const std::vector<Parameter>& parameters, ProcessGroup& group)
    : bucket_of_(parameters.size()), group_(group) {
  for (const Parameter& parameter : parameters) parameters_.push_back(parameter.value);
  std::int64_t room = 0;
  for (std::size_t i = parameters_.size(); i-- > 0;) {
    const std::int64_t count = parameters_[i].numel();
    if (buckets_.empty() || count > room) {
      buckets_.emplace_back();
      room = kBucketValues;
    }
    room -= count;
    Bucket& bucket = buckets_.back();
    bucket.parameters.push_back(i);
    bucket.values.resize(bucket.values.size() + static_cast<std::size_t>(count));
    bucket_of_[i] = buckets_.size() - 1;
    torch::autograd::impl::set_post_acc_grad_hooks(parameters_[i],
                                                   std::make_unique<Hook>(*this, i));
  }
  reset();
}

GradientSum::~GradientSum() {
  for (const at::Tensor& parameter : parameters_) {
    torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
  }
}

void GradientSum::reset() {
  for (Bucket& bucket : buckets_) bucket.waiting = bucket.parameters.size();
  started_ = 0;
  is_last_pass_ = false;
}

// The others begin their sums in the same order, whatever order gradients come in.
void GradientSum::take(std::size_t parameter) {
  --buckets_[bucket_of_[parameter]].waiting;
  while (started_ < buckets_.size() && buckets_[started_].waiting == 0) {
    start(buckets_[started_]);
    ++started_;
  }
}

void GradientSum::start(Bucket& bucket) {
  const torch::autograd::AutoGradMode no_gradient(false);
  float* values = bucket.values.data();
  for (const std::size_t index : bucket.parameters) {
    const at::Tensor& parameter = parameters_[index];
    at::Tensor& gradient = parameter.mutable_grad();
    if (!gradient.defined()) gradient = at::zeros_like(parameter);
    at::from_blob(values, gradient.sizes(), at::kFloat).copy_(gradient);
    values += gradient.numel();
  }
  group_.begin_sum(bucket.values);
}

void GradientSum::put_back(const Bucket& bucket) const {
  const torch::autograd::AutoGradMode no_gradient(false);
  const float* values = bucket.values.data();
  for (const std::size_t index : bucket.parameters) {
    at::Tensor& gradient = parameters_[index].mutable_grad();
    gradient.copy_(at::from_blob(const_cast<float*>(values), gradient.sizes(), at::kFloat));
    values += gradient.numel();
  }
}

void GradientSum::finish(std::vector<double>& more) {
  for (; started_ < buckets_.size(); ++started_) start(buckets_[started_]);
  std::vector<float> numbers(more.begin(), more.end());
  group_.begin_sum(numbers);
  group_.finish_sums();
  for (const Bucket& bucket : buckets_) put_back(bucket);
  std::copy(numbers.begin(), numbers.end(), more.begin());
  reset();
}

}  // namespace deformer
