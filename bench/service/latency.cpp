// What the service adds to a library call: the same questions, one after the other, asked in turn
// of SpanQa in this process and of the service, whose passages lie in the same store.
//
//   deformer_service_latency URL MODEL_DIR STORE_URI SQUAD_FILE QUESTIONS
//
// The passages are in the store under the ids that deformer_service_load --by-id gives them.
#include <deformer/model.h>
#include <deformer/passage_store.h>
#include <deformer/span_qa.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "../measuring.h"
#include "load_client.h"
#include "questions.h"

namespace {

using namespace deformer;

// Questions whose times are not kept.
constexpr std::size_t kWarmUp = 20;

template <typename Function>
double ms_of(const Function& function) {
  const auto begin = std::chrono::steady_clock::now();
  function();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

void run(char** arguments) {
  const std::uint16_t port = bench::port_of(arguments[1]);
  const auto model = Model::load(arguments[2]);
  const SpanQa qa(model, open_passage_store(arguments[3], model->fingerprint()));
  const bench::QuestionSet set = bench::read_questions(arguments[4], std::stoul(arguments[5]));
  bench::require_more_than(kWarmUp, set.questions.size());
  bench::OneClient client(port);
  std::vector<double> library;
  std::vector<double> service;
  for (std::size_t i = 0; i < set.questions.size(); ++i) {
    const bench::SetQuestion& question = set.questions[i];
    const std::vector<QaRequest> requests{
        {.question = question.text, .passages = {{bench::passage_id(question.passage), ""}}}};
    const std::string request = bench::request_by_id(question);
    double alone = 0;
    double asked = 0;
    const auto ask_library = [&] {
      alone = ms_of([&] { static_cast<void>(qa.answer(requests)); });
    };
    const auto ask_service = [&] { asked = ms_of([&] { client.ask(request); }); };
    // Whoever comes second finds the passage in the caches: that is each of them in turn.
    if (i % 2 == 0) ask_library();
    ask_service();
    if (i % 2 == 1) ask_library();
    if (i < kWarmUp) continue;
    library.push_back(alone);
    service.push_back(asked);
  }
  const double before = bench::median(library);
  const double after = bench::median(service);
  std::printf("library %.3f ms, service %.3f ms: %+.3f ms; allowed %+.3f ms\n", before, after,
              after - before, 1 + 0.02 * before);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: deformer_service_latency URL MODEL_DIR STORE_URI SQUAD_FILE QUESTIONS\n";
    return 2;
  }
  try {
    run(argv);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "deformer_service_latency: error: " << error.what() << "\n";
    return 1;
  }
}
