#include "bench/roof.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "base/stopwatch.h"
#include "bench/device_wait.h"

namespace deformer {
namespace {

// Three sets of BERT-base's four weights are 85 MB, more than the caches of a CPU that one process
// has to itself.
constexpr int kSets = 3;
constexpr std::int64_t kFewRows = 256;
constexpr int kRepeats = 3;

}  // namespace

Roof::Weights& Roof::weights(const LinearProduct& product, const nn::Placement& placement) {
  Weights& found = weights_[{product.in, product.out, placement.device.type(), placement.type}];
  const auto options = at::device(placement.device).dtype(placement.type);
  while (found.sets.size() < kSets) {
    found.sets.emplace_back(at::randn({product.out, product.in}, options),
                            at::zeros({product.out}, options));
  }
  return found;
}

double Roof::time(const LinearProduct& product, const nn::Placement& placement) {
  Weights& turns = weights(product, placement);
  const at::Tensor input =
      at::randn({product.rows, product.in}, turns.sets.front().first.options());
  const int repeats = product.rows < kFewRows ? kRepeats : 1;
  at::Tensor output;
  // A GPU would make them while the clock runs.
  wait_for(input);
  const Stopwatch watch;
  for (int i = 0; i < repeats; ++i) {
    const auto& [weight, bias] = turns.sets[turns.next];
    turns.next = (turns.next + 1) % turns.sets.size();
    output = at::linear(input, weight, bias);
  }
  wait_for(output);
  return watch.seconds() / repeats;
}

double Roof::seconds(const PassProducts& products, const nn::Placement& placement) {
  const c10::InferenceMode inference;
  double sum = 0;
  for (const LinearProduct& product : products.linear) {
    sum += product.count * time(product, placement);
  }
  return sum;
}

}  // namespace deformer
