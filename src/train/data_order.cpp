#include "train/data_order.h"

#include <algorithm>

#include "base/check.h"
#include "train/random.h"

namespace deformer {
namespace {

// Purposes of mix_seed().
constexpr std::uint64_t kExamplesOfWindow = 1;
constexpr std::uint64_t kGroups = 2;

}  // namespace

DataOrder::DataOrder(const TrainingSet& set, const DataOrderOptions& options)
    : set_(set),
      options_(options),
      steps_per_epoch_(set.num_examples() / options.batch_questions +
                       (set.num_examples() % options.batch_questions == 0 ? 0 : 1)) {
  DEFORMER_CHECK(set.num_examples() > 0 && options.batch_questions > 0);
  DEFORMER_CHECK(options.questions_per_window > 0 && options.processes > 0);
}

std::size_t DataOrder::joint_tokens(std::uint32_t example) const {
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < set_.pairs_per_example; ++i) {
    const TrainingPair& pair = set_.pairs[example * set_.pairs_per_example + i];
    tokens += set_.questions[pair.question].size() + set_.windows[pair.window].size();
  }
  return tokens;
}

// Groups of at most questions_per_window examples of one window, which differ from epoch to epoch,
// in a random order.
void DataOrder::shuffle_epoch(std::uint64_t epoch) {
  if (epoch == epoch_) return;
  std::vector<std::vector<std::uint32_t>> groups;
  const auto count = static_cast<std::uint32_t>(set_.num_examples());
  for (std::uint32_t begin = 0; begin < count;) {
    std::vector<std::uint32_t> of_window;
    const auto window_of = [&](std::uint32_t example) {
      return set_.pairs[example * set_.pairs_per_example].window;
    };
    const std::uint32_t window = window_of(begin);
    while (begin < count && window_of(begin) == window) of_window.push_back(begin++);
    shuffle(of_window,
            mix_seed(options_.seed, kExamplesOfWindow, epoch ^ (std::uint64_t{window} << 32U)));
    for (std::size_t i = 0; i < of_window.size(); i += options_.questions_per_window) {
      const std::size_t end = std::min(i + options_.questions_per_window, of_window.size());
      groups.emplace_back(of_window.begin() + static_cast<std::ptrdiff_t>(i),
                          of_window.begin() + static_cast<std::ptrdiff_t>(end));
    }
  }
  shuffle(groups, mix_seed(options_.seed, kGroups, epoch));
  order_.clear();
  for (const auto& group : groups) order_.insert(order_.end(), group.begin(), group.end());
  epoch_ = epoch;
}

StepPlan DataOrder::plan(std::uint64_t step) {
  shuffle_epoch(step / steps_per_epoch_);
  const std::size_t begin = step % steps_per_epoch_ * options_.batch_questions;
  const std::size_t end = begin + std::min(options_.batch_questions, order_.size() - begin);
  StepPlan plan;
  plan.examples = end - begin;
  for (std::size_t i = begin; i < end; ++i) plan.joint_tokens += joint_tokens(order_[i]);
  const std::size_t by_memory =
      (plan.joint_tokens + options_.pass_tokens - 1) / options_.pass_tokens;
  const std::size_t rounds =
      std::max<std::size_t>(1, (by_memory + options_.processes - 1) / options_.processes);
  const std::size_t passes = std::min(rounds * options_.processes, plan.examples);
  // Passes of about equal work: an example goes where its middle lies.
  plan.passes.resize(passes);
  std::size_t before = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const std::size_t tokens = joint_tokens(order_[i]);
    const std::size_t pass = (2 * before + tokens) * passes / (2 * plan.joint_tokens + 1);
    for (std::size_t pair = 0; pair < set_.pairs_per_example; ++pair) {
      plan.passes[std::min(pass, passes - 1)].push_back(
          static_cast<std::uint32_t>(order_[i] * set_.pairs_per_example + pair));
    }
    before += tokens;
  }
  std::erase_if(plan.passes, [](const auto& pass) { return pass.empty(); });
  return plan;
}

}  // namespace deformer
