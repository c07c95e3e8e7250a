#include "tools/reading.h"

#include <algorithm>
#include <utility>

#include "base/number_text.h"
#include "base/shown_uri.h"
#include "deformer/error.h"
#include "tools/model_options.h"

namespace deformer::tools {
namespace {

// "time 46.57 s, tokenise 0.01 s (0.0 %), ...": `seconds` are those of the whole.
std::string timing_line(const StageTimes& times, double seconds) {
  const double whole = std::max(seconds, 1e-9);
  std::string line = "time " + fixed(seconds, 2) + " s";
  const auto add = [&](const char* stage, double part) {
    line += std::string(", ") + stage + " " + fixed(part, 2) + " s (" +
            fixed(100 * part / whole, 1) + " %)";
  };
  add("tokenise", times.tokenize);
  add("read", times.read);
  add("lower", times.lower);
  add("upper", times.upper);
  add("decode", times.decode);
  const double stages = times.tokenize + times.read + times.lower + times.upper + times.decode;
  add("other", std::max(seconds - stages, 0.0));
  return line;
}

}  // namespace

void add_batch_tokens(OptionGroup& group, ReadingOptions& options) {
  group.number("--batch-tokens", options.batch_tokens, "N",
               "Most tokens of one pass: memory against speed", whole_number(1));
}

void add_store_and_timing(CLI::App& verb, OptionGroup& group, ReadingOptions& options) {
  OptionGroup stores(verb, "Passage store");
  stores.place("--store", options.store, "URI",
               "Take passages from this store (deformer encode) where it has them");
  stores
      .flag("--require-store", options.require_store,
            "Stop at a passage that the store lacks instead of encoding it")
      ->needs("--store");
  group.flag("--timing", options.timing, "Say on stderr where the time went");
}

std::vector<std::string> all_inputs(std::vector<std::string> inputs, const std::string& model_dir,
                                    const std::string& store) {
  for (const auto& files : {model_files(model_dir), store_files(store)}) {
    inputs.insert(inputs.end(), files.begin(), files.end());
  }
  return inputs;
}

std::shared_ptr<StoreView> open_store_view(const Model& model, const ReadingOptions& options) {
  const std::string& uri = options.store;
  if (uri.empty()) return nullptr;
  // A mistyped name is to be an error, not a new and empty store.
  auto store = open_existing_passage_store(uri);
  if (store->fingerprint() != model.fingerprint()) {
    throw Error(ErrorCode::kIncompatible, shown_uri(uri) + ": expected the model's fingerprint " +
                                              to_string(model.fingerprint()) + ", found " +
                                              to_string(store->fingerprint()));
  }
  using Missing = StoreView::Missing;
  return std::make_shared<StoreView>(std::move(store),
                                     options.require_store ? Missing::kRefuse : Missing::kAllow);
}

void report_reading(const ReadingOptions& options, const StoreView* store, const StageTimes& times,
                    double seconds, const Talk& talk) {
  if (store != nullptr && store->missing() > 0) {
    talk.note("passages encoded because the store lacks them: " + grouped(store->missing()) +
              " of " + grouped(store->looked_up()));
  }
  if (options.timing) Talk::tell(timing_line(times, seconds));
}

}  // namespace deformer::tools
