// How long one question takes by the store that its passage lies in:
//
//   deformer_answer_latency MODEL_DIR SQUAD_FILE QUESTIONS STORE_URI COPY_URI...
//
// STORE_URI holds encoded passages (deformer encode); they are copied to the COPY_URIs, for example
// memory: and redis://localhost/copy. Then each of the file's first questions is asked of every
// store in turn, one question and one passage a call, with passages taken evenly from the whole
// store. The questions need not fit the passages: the time does not depend on it.
#include <deformer/model.h>
#include <deformer/passage_store.h>
#include <deformer/span_qa.h>
#include <deformer/squad.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "measuring.h"

namespace {

using deformer::bench::percentile;

// Questions of each store whose times are not kept.
constexpr std::size_t kWarmUp = 10;

struct Engine {
  std::string uri;
  std::shared_ptr<deformer::PassageStore> store;
  std::unique_ptr<deformer::SpanQa> qa;
  std::vector<double> ms;  // per question
  deformer::StageTimes times;
};

std::vector<Engine> open_engines(const std::shared_ptr<const deformer::Model>& model,
                                 const std::vector<std::string>& uris) {
  std::vector<Engine> engines;
  for (const std::string& uri : uris) {
    Engine& engine = engines.emplace_back();
    engine.uri = uri;
    engine.store = deformer::open_passage_store(uri, model->fingerprint());
    if (engines.size() > 1) deformer::copy_passages(*engines.front().store, *engine.store);
    engine.qa = std::make_unique<deformer::SpanQa>(model, engine.store);
  }
  return engines;
}

std::vector<std::string> first_questions(const std::string& squad_file, std::size_t count) {
  std::vector<std::string> questions;
  const deformer::SquadDataset dataset = deformer::load_squad(squad_file);
  const auto add = [&](const deformer::SquadParagraph& paragraph) {
    for (const auto& question : paragraph.questions) questions.push_back(question.question);
  };
  for (const auto& article : dataset.articles) {
    for (const auto& paragraph : article.paragraphs) add(paragraph);
  }
  questions.resize(std::min(count, questions.size()));
  return questions;
}

void ask(Engine& engine, const std::string& question, const std::string& passage_id) {
  const std::vector<deformer::QaRequest> requests{
      {.id = {}, .question = question, .passages = {{.id = passage_id, .text = {}}}}};
  const auto start = std::chrono::steady_clock::now();
  engine.times += engine.qa->answer_each(
      requests, [](std::size_t, deformer::Outcome<deformer::QaResult>&& outcome) {
        static_cast<void>(outcome.value());
      });
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  engine.ms.push_back(time.count());
}

void report(Engine& engine) {
  std::sort(engine.ms.begin(), engine.ms.end());
  double sum = 0;
  for (const double ms : engine.ms) sum += ms;
  const auto count = static_cast<double>(engine.ms.size());
  std::printf("%-40s median %7.2f ms, 95 %% %7.2f, mean %7.2f, of which read %6.3f (%4.1f %%)\n",
              engine.uri.c_str(), percentile(engine.ms, 0.5), percentile(engine.ms, 0.95),
              sum / count, 1000 * engine.times.read / count, 100000 * engine.times.read / sum);
}

void run(const std::string& model_dir, const std::vector<std::string>& questions,
         const std::vector<std::string>& uris) {
  deformer::bench::require_more_than(kWarmUp, questions.size());
  const auto model = deformer::Model::load(model_dir);
  auto engines = open_engines(model, uris);
  const auto ids = engines.front().store->list_ids("", engines.front().store->size());
  if (ids.empty()) throw std::invalid_argument("STORE_URI: expected passages, found none");
  std::printf("%zu passages, %zu questions\n", ids.size(), questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const std::string& id = ids[i * ids.size() / questions.size()];
    for (Engine& engine : engines) ask(engine, questions[i], id);
    if (i + 1 != kWarmUp) continue;
    for (Engine& engine : engines) {
      engine.ms.clear();
      engine.times = {};
    }
  }
  for (Engine& engine : engines) report(engine);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: deformer_answer_latency MODEL_DIR SQUAD_FILE QUESTIONS STORE_URI "
                 "COPY_URI...\n";
    return EXIT_FAILURE;
  }
  try {
    const auto count = static_cast<std::size_t>(std::stoul(argv[3]));
    run(argv[1], first_questions(argv[2], count), std::vector<std::string>(argv + 4, argv + argc));
  } catch (const std::exception& error) {
    std::cerr << "deformer_answer_latency: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
