#include "task/batch_run.h"

#include "base/check.h"
#include "task/reading_engine.h"

namespace deformer {

StageTimes run_batches(const BatchRun& run, const BatchOptions& options, const MakeReading& make,
                       const FailRequest& fail) {
  if (options.batch_tokens < 1) {
    throw Error(ErrorCode::kInvalidArgument, "batch_tokens: expected at least 1, found 0");
  }
  std::size_t refused = 0;
  const ReadingEngine* counted = nullptr;
  const auto report = [&] {
    if (options.progress) call_back(options.progress, counted->finished() + refused, run.requests);
  };
  ReadingEngine engine(
      run.model, run.store,
      {.batch_tokens = options.batch_tokens, .blank_texts = run.blank_texts, .on_batch = report});
  counted = &engine;
  for (std::size_t request = 0; request < run.requests; ++request) {
    std::shared_ptr<Reading> reading;
    try {
      reading = make(request);
    } catch (const Error& error) {
      ++refused;
      fail(request, error);
      continue;
    }
    engine.add(std::move(reading));
    while (engine.is_full() && engine.run_batch()) {
    }
  }
  while (engine.run_batch()) {
  }
  DEFORMER_CHECK(engine.under_way() == 0);
  return engine.times();
}

std::string request_name(const std::string& id, std::size_t request) {
  return id.empty() ? "request " + std::to_string(request) : "\"" + id + "\"";
}

}  // namespace deformer
