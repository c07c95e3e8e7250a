#include "train/held_out.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// How many questions each text has.
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
      chosen.insert(hash);
      taken += counts_.at(hash);
    }
    return chosen;
  }

 private:
  std::unordered_map<std::uint64_t, std::size_t> counts_;
};

// Moves the elements that `is_chosen` from one list to the end of the other, both in order.
template <typename Element, typename Predicate>
void move_chosen(std::vector<Element>& from, std::vector<Element>& to, Predicate&& is_chosen) {
  const auto chosen = std::stable_partition(
      from.begin(), from.end(), [&](const Element& element) { return !is_chosen(element); });
  std::move(chosen, from.end(), std::back_inserter(to));
  from.erase(chosen, from.end());
}

void require_rest(bool some_left, std::size_t questions) {
  if (some_left) return;
  throw Error(ErrorCode::kInvalidArgument,
              "held-out questions: expected fewer than the training data has, found " +
                  std::to_string(questions));
}

// What can be scored: every question has a gold answer or is impossible, and, as two files may use
// one id, its own id.
void make_scorable(SquadDataset& dataset) {
  std::set<std::string> seen;
  for (SquadArticle& article : dataset.articles) {
    for (SquadParagraph& paragraph : article.paragraphs) {
      std::erase_if(paragraph.questions, [](const SquadQuestion& question) {
        return question.answers.empty() && !question.is_impossible;
      });
      for (SquadQuestion& question : paragraph.questions) {
        const std::string id = question.id;
        for (int copy = 2; !seen.insert(question.id).second; ++copy) {
          question.id = id + "#" + std::to_string(copy);
        }
      }
    }
  }
}

}  // namespace

SquadDataset take_held_out(std::vector<SquadDataset>& files, std::size_t questions,
                           std::uint64_t seed) {
  TextCounts counts;
  for (const SquadDataset& file : files) {
    for (const SquadArticle& article : file.articles) {
      for (const auto& paragraph : article.paragraphs) {
        counts.add(paragraph.context, paragraph.questions.size());
      }
    }
  }
  const auto chosen = counts.choose(questions, seed);
  SquadDataset held_out;
  for (SquadDataset& file : files) {
    for (SquadArticle& article : file.articles) {
      SquadArticle part{article.title, {}};
      move_chosen(article.paragraphs, part.paragraphs, [&](const SquadParagraph& paragraph) {
        return chosen.contains(hash64(paragraph.context));
      });
      if (!part.paragraphs.empty()) held_out.articles.push_back(std::move(part));
    }
  }
  require_rest(std::any_of(files.begin(), files.end(),
                           [](const SquadDataset& file) { return file.num_questions() > 0; }),
               questions);
  make_scorable(held_out);
  return held_out;
}

PairDataset take_held_out(std::vector<PairDataset>& files, std::size_t questions,
                          std::uint64_t seed) {
  TextCounts counts;
  for (const PairDataset& file : files) {
    for (const PairExample& example : file.examples) counts.add(example.passage, 1);
  }
  const auto chosen = counts.choose(questions, seed);
  PairDataset held_out{.task = files.front().task, .examples = {}};
  for (PairDataset& file : files) {
    move_chosen(file.examples, held_out.examples, [&](const PairExample& example) {
      return chosen.contains(hash64(example.passage));
    });
  }
  require_rest(std::any_of(files.begin(), files.end(),
                           [](const PairDataset& file) { return !file.examples.empty(); }),
               questions);
  std::erase_if(held_out.examples, [](const PairExample& example) { return !example.label; });
  return held_out;
}

RaceDataset take_held_out(std::vector<RaceDataset>& files, std::size_t questions,
                          std::uint64_t seed) {
  TextCounts counts;
  for (const RaceDataset& file : files) {
    for (const auto& article : file.articles) counts.add(article.text, article.questions.size());
  }
  const auto chosen = counts.choose(questions, seed);
  RaceDataset held_out;
  for (RaceDataset& file : files) {
    move_chosen(file.articles, held_out.articles,
                [&](const RaceArticle& article) { return chosen.contains(hash64(article.text)); });
  }
  require_rest(std::any_of(files.begin(), files.end(),
                           [](const RaceDataset& file) { return file.num_questions() > 0; }),
               questions);
  for (RaceArticle& article : held_out.articles) {
    std::erase_if(article.questions, [](const RaceQuestion& question) { return !question.answer; });
  }
  return held_out;
}

}  // namespace deformer
