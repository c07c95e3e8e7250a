#include "tools/classify_run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "deformer/content_id.h"
#include "tools/cost.h"

namespace deformer::tools {
namespace {

// Enough for full batches, little memory.
constexpr std::size_t kChunkItems = 1024;

ClassifyInput read_pairs(Task task, const std::string& path) {
  PairDataset dataset = load_pair_dataset(task, path);
  ClassifyInput input;
  input.skipped = dataset.skipped;
  for (PairExample& example : dataset.examples) {
    ClassifyItem& item = input.items.emplace_back();
    item.id = std::move(example.id);
    item.questions.push_back(std::move(example.question));
    item.passage = passage_of(example.passage);
    item.gold = example.label;
  }
  return input;
}

ClassifyItem make_choice(const RaceArticle& article, const RaceQuestion& question,
                         const Passage& passage) {
  ClassifyItem item;
  item.id = question.id;
  for (const std::string& option : question.options) {
    item.questions.push_back(fill_option(question.question, option));
  }
  item.passage = passage;
  item.gold = question.answer;
  item.level = article.level;
  return item;
}

ClassifyInput read_choices(const std::string& path) {
  ClassifyInput input;
  const RaceDataset dataset = load_race(path);
  for (const RaceArticle& article : dataset.articles) {
    const Passage passage = passage_of(article.text);
    for (const RaceQuestion& question : article.questions) {
      input.items.push_back(make_choice(article, question, passage));
    }
  }
  return input;
}

}  // namespace

Passage passage_of(const std::string& text) {
  if (text.empty()) return {};
  return {content_id(text), text};
}

ClassifyInput read_classify_input(Task task, const std::string& path) {
  return task == Task::kRace ? read_choices(path) : read_pairs(task, path);
}

std::vector<std::string> label_names(Task task, std::size_t count) {
  if (task != Task::kRace) return class_names(task);
  std::vector<std::string> letters;
  for (std::size_t i = 0; i < count; ++i) {
    letters.emplace_back(1, static_cast<char>('A' + static_cast<char>(i)));
  }
  return letters;
}

Classifier::Classifier(std::shared_ptr<const Model> model, const ClassifyVerbOptions& options)
    : model_(std::move(model)),
      options_(options),
      store_(open_store_view(*model_, options.store, options.require_store)) {
  if (model_->config().task == Task::kRace) {
    choices_.emplace(model_, store_);
  } else {
    pairs_.emplace(model_, store_);
  }
}

std::vector<Prediction> Classifier::run(const std::vector<ClassifyItem>& items, const Talk& talk) {
  const auto start = std::chrono::steady_clock::now();
  Progress progress(talk, "classify", "examples", items.size());
  std::vector<Prediction> predictions;
  predictions.reserve(items.size());
  BatchOptions options;
  options.batch_tokens = options_.batch_tokens;
  options.progress = [&](std::size_t done, std::size_t) {
    progress.update(predictions.size() + done);
  };
  for (std::size_t begin = 0; begin < items.size(); begin += kChunkItems) {
    const std::size_t count = std::min(kChunkItems, items.size() - begin);
    for (Prediction& prediction : run_chunk(std::span(items).subspan(begin, count), options)) {
      predictions.push_back(std::move(prediction));
    }
  }
  items_ += items.size();
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return predictions;
}

std::vector<Prediction> Classifier::run_chunk(std::span<const ClassifyItem> items,
                                              const BatchOptions& options) {
  if (store_) {
    std::vector<const Passage*> passages;
    for (const ClassifyItem& item : items) passages.push_back(&item.passage);
    store_->expect(passages);
  }
  std::vector<Prediction> predictions;
  if (choices_) {
    std::vector<ChoiceRequest> requests;
    for (const ClassifyItem& item : items) {
      requests.push_back({item.id, item.questions, item.passage});
    }
    predictions.resize(requests.size());
    const auto take = [&](std::size_t request, Outcome<ChoiceResult>&& outcome) {
      ChoiceResult result = std::move(outcome).value();
      count_cuts(result.cut);
      predictions[request] = {result.choice, std::move(result.probabilities)};
    };
    times_ += choices_->choose_each(requests, take, options);
    return predictions;
  }
  std::vector<PairRequest> requests;
  for (const ClassifyItem& item : items) {
    requests.push_back({item.id, item.questions.front(), item.passage});
  }
  predictions.resize(requests.size());
  const auto take = [&](std::size_t request, Outcome<PairResult>&& outcome) {
    PairResult result = std::move(outcome).value();
    count_cuts(result.cut);
    predictions[request] = {result.label, std::move(result.probabilities)};
  };
  times_ += pairs_->classify_each(requests, take, options);
  return predictions;
}

void Classifier::count_cuts(const PairCuts& cut) {
  cut_questions_ += cut.question ? 1 : 0;
  cut_passages_ += cut.passage ? 1 : 0;
}

void Classifier::report(const Talk& talk) const {
  const SplitConfig& split = model_->config().split;
  const auto note_cut = [&](const char* what, int tokens, std::size_t count) {
    if (count == 0) return;
    talk.note("examples whose " + std::string(what) + " was cut to " + std::to_string(tokens) +
              " tokens: " + grouped(count) + " of " + grouped(items_));
  };
  note_cut("question", split.max_question_tokens, cut_questions_);
  note_cut("passage", split.window_tokens, cut_passages_);
  if (store_ && store_->missing() > 0) {
    talk.note("passages encoded because the store lacks them: " + grouped(store_->missing()) +
              " of " + grouped(store_->looked_up()));
  }
  if (options_.timing) talk.note(timing_line(times_, seconds_));
}

}  // namespace deformer::tools
