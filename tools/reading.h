// How a verb that answers reads its passages, and what it says of that at its end.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "deformer/answering.h"
#include "deformer/model.h"
#include "tools/options.h"
#include "tools/store_view.h"
#include "tools/talk.h"

namespace deformer::tools {

struct ReadingOptions {
  std::size_t batch_tokens = 4096;
  std::string store;  // URI; empty: none
  bool require_store = false;
  bool timing = false;
};

void add_batch_tokens(OptionGroup& group, ReadingOptions& options);
/// Adds --store and --require-store below a heading of their own, --timing to `group`.
void add_store_and_timing(CLI::App& verb, OptionGroup& group, ReadingOptions& options);

/// What --store and --require-store ask for. Null without --store. Throws kNotFound when there is
/// no such store, kIncompatible when it is another model's.
[[nodiscard]] std::shared_ptr<StoreView> open_store_view(const Model& model,
                                                         const ReadingOptions& options);

/// `inputs` and what a run reads beside them, the files of the model and of the store: for
/// refuse_input_as_output().
[[nodiscard]] std::vector<std::string> all_inputs(std::vector<std::string> inputs,
                                                  const std::string& model_dir,
                                                  const std::string& store);

/// Notes passages that the store (null: none) lacked and, with --timing, says where the time of
/// `seconds` went.
void report_reading(const ReadingOptions& options, const StoreView* store, const StageTimes& times,
                    double seconds, const Talk& talk);

}  // namespace deformer::tools
