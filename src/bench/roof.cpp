#include "bench/roof.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "bench/stopwatch.h"

namespace deformer {
namespace {

// Three sets of BERT-base's four weights are 85 MB, more than the caches of a CPU that one process
// has to itself.
constexpr int kSets = 3;
constexpr std::int64_t kFewRows = 256;
constexpr int kRepeats = 3;

}  // namespace

Roof::Weights& Roof::weights(std::int64_t in, std::int64_t out) {
  Weights& found = weights_[{in, out}];
  while (found.sets.size() < kSets) {
    found.sets.emplace_back(at::randn({out, in}), at::zeros({out}));
  }
  return found;
}

double Roof::time(const LinearProduct& product) {
  Weights& turns = weights(product.in, product.out);
  const at::Tensor input = at::randn({product.rows, product.in});
  const int repeats = product.rows < kFewRows ? kRepeats : 1;
  const Stopwatch watch;
  for (int i = 0; i < repeats; ++i) {
    const auto& [weight, bias] = turns.sets[turns.next];
    turns.next = (turns.next + 1) % turns.sets.size();
    static_cast<void>(at::linear(input, weight, bias));
  }
  return watch.seconds() / repeats;
}

double Roof::seconds(const PassProducts& products) {
  const c10::InferenceMode inference;
  double sum = 0;
  for (const LinearProduct& product : products.linear) sum += product.count * time(product);
  return sum;
}

}  // namespace deformer
