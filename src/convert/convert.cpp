#include "deformer/convert.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "architecture/config.h"
#include "base/file.h"
#include "base/guard.h"
#include "base/stand_in.h"
#include "convert/checkpoint_source.h"
#include "convert/model_directory.h"
#include "convert/name_map.h"
#include "convert/source_config.h"
#include "convert/source_vocabulary.h"
#include "convert/tensorflow_form.h"
#include "convert/weight_selection.h"
#include "convert/weight_writer.h"
#include "deformer/error.h"
#include "deformer/tokenizer.h"
#include "format/int8_tensor.h"
#include "text/added_tokens.h"
#include "text/tokenizer_config.h"
#include "text/tokenizer_json.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTokenizerJson = "tokenizer.json";

bool is_same_directory(const fs::path& a, const fs::path& b) {
  std::error_code ignored;  // one that is not there is the same as none
  return fs::equivalent(a, b, ignored);
}

Dtype choose_dtype(const WeightSelection& selection, const std::optional<SaveFormat>& format) {
  if (format) return dtype_of(*format);
  const std::vector<NamedWeight>& weights = selection.weights;
  const Dtype first = weights.front().tensor.dtype;
  const bool int8 = std::any_of(weights.begin(), weights.end(), [](const NamedWeight& weight) {
    return !weight.tensor.scales.empty();
  });
  if (int8) return Dtype::kI8;
  const bool shared = std::all_of(weights.begin(), weights.end(), [&](const NamedWeight& weight) {
    return weight.tensor.dtype == first;
  });
  return shared && first != Dtype::kF64 ? first : Dtype::kF32;
}

void check_checksums(const CheckpointSource& source, const WeightSelection& selection) {
  std::set<std::size_t> used;
  for (const NamedWeight& weight : selection.weights) used.insert(weight.source);
  for (const std::size_t i : used) check_checksum(source.tensors[i], source.path.string());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

struct Plan {
  CheckpointSource source;
  const TensorflowForm* form = nullptr;  // null: another program's
  SourceConfig config;
  SourceVocabulary vocabulary;
  std::vector<SkippedTensor> skipped;
  WeightSelection selection;
};

Plan make_plan(const fs::path& from, const ConvertOptions& options) {
  Plan plan;
  plan.source = open_checkpoint_source(from);
  NameMap names;
  if (plan.source.kind == SourceKind::kTensorflow) {
    names = map_tensorflow_names(plan.source);
    plan.form = names.form;
    plan.config = load_tensorflow_config(plan.source, names);
  } else {
    plan.config = load_hugging_face_config(plan.source);
    names = map_hugging_face_names(plan.source, architecture_of(plan.config.config));
  }
  apply_split(plan.config, options);
  plan.skipped = std::move(names.skipped);
  plan.selection =
      select_weights(std::move(names), plan.config.config, plan.source, options.allow_unused);
  for (const auto& more : {plan.source.skipped, plan.selection.skipped}) {
    plan.skipped.insert(plan.skipped.end(), more.begin(), more.end());
  }
  plan.vocabulary = find_vocabulary(plan.source, plan.config, options);
  check_checksums(plan.source, plan.selection);
  return plan;
}

// What was written is called by what it was made of.
std::string with_sources(std::string text, const fs::path& staged, const Plan& plan) {
  const SourceVocabulary& vocabulary = plan.vocabulary;
  const fs::path beside = vocabulary.file.parent_path();
  const auto put = [&](const fs::path& name, const fs::path& source) {
    text = replaced(std::move(text), (staged / name).string(), source.string());
  };
  put("tokenizer_config.json", vocabulary.tokenizer_config_file);
  put(vocabulary.name, vocabulary.file);  // before the tokenizer.json that it is compared with
  put("tokenizer.json", beside / "tokenizer.json");
  if (!plan.config.file.empty()) put("config.json", plan.config.file);
  if (!vocabulary.companion.empty()) put(vocabulary.companion.filename(), vocabulary.companion);
  return replaced(std::move(text), staged.string(), vocabulary.file.string());
}

// Loads what was written, as a user of the directory will. A tokenizer.json beside the vocabulary
// must agree with it, and is not kept.
void check_directory(const fs::path& staged, const Plan& plan, ConvertReport& report) {
  const SourceVocabulary& vocabulary = plan.vocabulary;
  const bool is_json = vocabulary.name == kTokenizerJson;
  const fs::path other = vocabulary.file.parent_path() / kTokenizerJson;
  const bool compares = !is_json && is_there(other);
  try {
    report.config = load_model_config(staged);
    if (compares) write_file(staged / kTokenizerJson, read_file(other));
    const auto tokenizer = load_tokenizer(staged);
    require_vocabulary(staged, report.config, tokenizer->vocab_size());
    if (!is_json) {
      require_no_added_tokens(*tokenizer, vocabulary.name, vocabulary.file.parent_path());
    }
  } catch (const Error& error) {
    throw Error(error.code(), with_sources(error.what(), staged, plan));
  }
  if (compares) fs::remove(staged / kTokenizerJson);
  TokenizerConfig defaults;
  defaults.do_lower_case = architecture_of(report.config).lower_case;
  report.lower_case = is_json ? load_json_tokenizer_config(staged).do_lower_case
                              : load_tokenizer_config(staged, defaults).do_lower_case;
}

ConvertReport make_report(const Plan& plan, Dtype dtype) {
  ConvertReport report;
  report.source = describe(plan.source);
  report.sizes_from = plan.config.file.string();
  if (plan.config.file.empty()) {
    report.sizes_from = std::string("the weights' shapes") + plan.form->guessed;
  }
  report.vocabulary = plan.vocabulary.file;
  report.dtype = to_string(dtype);
  for (const NamedWeight& weight : plan.selection.weights) {
    report.mapped.push_back({plan.source.tensors[weight.source].name, weight.name});
  }
  report.skipped = plan.skipped;
  std::sort(report.skipped.begin(), report.skipped.end(),
            [](const SkippedTensor& a, const SkippedTensor& b) { return a.source < b.source; });
  report.unused = plan.selection.unused;
  report.span_head = plan.selection.span_head;
  report.class_head = plan.selection.class_head;
  return report;
}

ConvertReport convert(const fs::path& from, const fs::path& to, const ConvertOptions& options) {
  require_target(to, options.force);
  const Plan plan = make_plan(from, options);
  const Dtype dtype = choose_dtype(plan.selection, options.format);
  ConvertReport report = make_report(plan, dtype);
  StagedDirectory staged(to);
  write_file(staged.path() / "config.json", make_config_json(plan.config, plan.selection, dtype));
  const fs::path& file = plan.vocabulary.file;
  const std::string vocabulary = read_file(file);
  refuse_stand_in(vocabulary, file.string());
  write_file(staged.path() / plan.vocabulary.name, vocabulary);
  if (const fs::path& companion = plan.vocabulary.companion; !companion.empty()) {
    write_file(staged.path() / companion.filename(), read_file(companion));
  }
  write_file(staged.path() / "tokenizer_config.json", plan.vocabulary.tokenizer_config);
  check_directory(staged.path(), plan, report);
  write_weights(staged.path(),
                {plan.selection.weights, plan.source, dtype, options.max_shard_bytes});
  staged.publish(is_same_directory(plan.vocabulary.file.parent_path(), to) ? OldTokenizer::kKeep
                                                                           : OldTokenizer::kRemove);
  return report;
}

}  // namespace

const char* to_string(SkipReason reason) noexcept {
  switch (reason) {
    case SkipReason::kOptimizer:
      return "optimiser";
    case SkipReason::kBuffer:
      return "buffer";
    case SkipReason::kPretrainingHead:
      return "pretraining head";
    case SkipReason::kTeacher:
      return "teacher";
    case SkipReason::kAnswerClass:
      return "answer class";
    case SkipReason::kNotNumbers:
      return "no numbers";
  }
  return "unknown";
}

ConvertReport convert_model(const fs::path& from, const fs::path& to,
                            const ConvertOptions& options) {
  return guard_entry(from.native(), [&] { return convert(from, to, options); });
}

}  // namespace deformer
