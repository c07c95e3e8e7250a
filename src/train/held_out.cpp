#include "train/held_out.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// How many questions that can be scored each text has.
class TextCounts {
 public:
  void add(std::string_view text, std::size_t questions) { counts_[hash64(text)] += questions; }

  // Hashes of the texts to be held out: those with the smallest keys.
  [[nodiscard]] std::set<std::uint64_t> choose(std::size_t questions, std::uint64_t seed) const {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> order;
    for (const auto& [hash, count] : counts_) {
      Hasher hasher;
      hasher.add(static_cast<std::int64_t>(seed)).add(static_cast<std::int64_t>(hash));
      order.emplace_back(hasher.digest64(), hash);
    }
    std::sort(order.begin(), order.end());
    std::set<std::uint64_t> chosen;
    std::size_t taken = 0;
    for (const auto& [key, hash] : order) {
      if (taken >= questions) break;
      if (counts_.at(hash) == 0) continue;
      chosen.insert(hash);
      taken += counts_.at(hash);
    }
    return chosen;
  }

 private:
  std::unordered_map<std::uint64_t, std::size_t> counts_;
};

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, message);
}

// An empty data set of the same kind.
Dataset same_kind(const Dataset& dataset) {
  return {.name = dataset.name,
          .kind = dataset.kind,
          .labels = dataset.labels,
          .positive_label = dataset.positive_label};
}

// Moves the passages whose text has a chosen hash, and their examples; both stay in order.
void move_chosen(Dataset& from, Dataset& to, const std::set<std::uint64_t>& chosen) {
  std::vector<DatasetPassage> kept;
  std::vector<bool> moved;
  std::vector<std::size_t> places;
  for (DatasetPassage& passage : from.passages) {
    moved.push_back(chosen.contains(hash64(passage.text)));
    std::vector<DatasetPassage>& list = moved.back() ? to.passages : kept;
    places.push_back(list.size());
    list.push_back(std::move(passage));
  }
  from.passages = std::move(kept);
  std::vector<Example> left;
  for (Example& example : from.examples) {
    std::vector<Example>& list = moved[example.passage] ? to.examples : left;
    example.passage = places[example.passage];
    list.push_back(std::move(example));
  }
  from.examples = std::move(left);
}

// Every example has its target and, as two files may use one id, its own id.
void make_scorable(Dataset& dataset) {
  std::erase_if(dataset.examples, [](const Example& example) { return !example.has_target(); });
  std::set<std::string> seen;
  for (Example& example : dataset.examples) {
    const std::string id = example.id;
    for (int copy = 2; !seen.insert(example.id).second; ++copy) {
      example.id = id + "#" + std::to_string(copy);
    }
  }
}

}  // namespace

Dataset take_held_out(Dataset& dataset, std::size_t examples, std::uint64_t seed) {
  TextCounts counts;
  for (const Example& example : dataset.examples) {
    counts.add(dataset.passage_of(example), example.has_target() ? 1 : 0);
  }
  Dataset held_out = same_kind(dataset);
  move_chosen(dataset, held_out, counts.choose(examples, seed));
  if (dataset.examples.empty()) {
    refuse("held-out questions: expected fewer than the training data has, found " +
           std::to_string(examples));
  }
  make_scorable(held_out);
  if (held_out.examples.empty()) {
    refuse("held-out questions: expected training data with targets, found none");
  }
  return held_out;
}

std::optional<std::string> leave_out_blank_questions(Dataset& dataset, const Tokenizer& tokenizer) {
  if (dataset.kind != TaskKind::kSpan) return std::nullopt;
  std::optional<std::string> first;
  std::erase_if(dataset.examples, [&](const Example& example) {
    if (!tokenizer.tokenize(example.questions.front()).ids.empty()) return false;
    if (!first) first = example.id;
    return true;
  });
  return first;
}

Dataset take_validation(Dataset& dataset, Dataset validation) {
  std::set<std::uint64_t> texts;
  for (const DatasetPassage& passage : validation.passages) texts.insert(hash64(passage.text));
  Dataset copies = same_kind(dataset);
  move_chosen(dataset, copies, texts);
  if (dataset.examples.empty()) {
    refuse("training data: expected a passage that the validation data lack, found none");
  }
  make_scorable(validation);
  if (validation.examples.empty()) {
    refuse("validation data: expected an example with its target, found none");
  }
  return validation;
}

}  // namespace deformer
