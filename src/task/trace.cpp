#include "deformer/inspect.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "architecture/segment_layout.h"
#include "deformer/encoder.h"
#include "deformer/error.h"
#include "format/safetensors.h"
#include "model/head.h"
#include "model/model_access.h"
#include "nn/guard.h"
#include "nn/inference_scope.h"
#include "task/preparation.h"

namespace deformer {
namespace {

std::string tensor_name(const std::string& prefix, std::int64_t layer) {
  return prefix + (layer < 0 ? std::string("embeddings") : std::to_string(layer));
}

TraceTensor to_trace_tensor(std::string name, const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kCPU, at::kFloat).contiguous();
  const auto* const first = values.const_data_ptr<float>();
  return {std::move(name), values.sizes().vec(), {first, first + values.numel()}};
}

LayerObserver recorder(std::vector<TraceTensor>& tensors, const std::string& prefix) {
  return [&tensors, prefix](std::int64_t layer, const at::Tensor& hidden) {
    tensors.push_back(to_trace_tensor(tensor_name(prefix, layer), hidden));
  };
}

void require_rows(const char* name, std::size_t found, std::size_t expected) {
  if (found >= expected) return;
  throw Error(ErrorCode::kInvalidArgument,
              std::string(name) + ": expected at least " + std::to_string(expected) +
                  " ids, special tokens included, found " + std::to_string(found));
}

void require_known(const char* name, std::span<const std::int32_t> ids, std::int64_t known) {
  const auto strange =
      std::find_if(ids.begin(), ids.end(), [&](std::int32_t id) { return id < 0 || id >= known; });
  if (strange == ids.end()) return;
  throw Error(ErrorCode::kInvalidArgument, std::string(name) + ": expected token ids below " +
                                               std::to_string(known) + ", found " +
                                               std::to_string(*strange) + " in place " +
                                               std::to_string(strange - ids.begin() + 1));
}

Trace trace_segments(const Model& model, const Segment& question, const Segment& passage) {
  const Head* const head = ModelAccess::head(model);
  if (head == nullptr || model.config().task != TaskKind::kSpan) {
    throw Error(ErrorCode::kIncompatible,
                model.name() + ": expected a model with a span head (qa_outputs), found " +
                    (head == nullptr ? std::string("weights without one")
                                     : "one for " + to_string(model.config().task)));
  }
  const nn::InferenceScope inference;
  Trace trace;
  trace.question_ids = question.ids;
  trace.passage_ids = passage.ids;
  const Encoder& encoder = model.encoder();
  const Encoding questions =
      encoder.lower({&question, 1}, {.observer = recorder(trace.tensors, "lower.question.")});
  const Encoding passages =
      encoder.lower({&passage, 1}, {.observer = recorder(trace.tensors, "lower.passage.")});
  const SegmentPair pair;
  const Encoding joint = encoder.upper(questions, passages, {&pair, 1}, JointRows::kAll,
                                       {.observer = recorder(trace.tensors, "upper.")});
  const at::Tensor logits = head->logits(joint.hidden);  // [joint tokens, 2]
  trace.tensors.push_back(to_trace_tensor("logits.start", logits.select(1, 0)));
  trace.tensors.push_back(to_trace_tensor("logits.end", logits.select(1, 1)));
  return trace;
}

void require_tokens(const char* name, std::span<const std::int32_t> ids) {
  if (!ids.empty()) return;
  throw Error(ErrorCode::kInvalidArgument,
              std::string(name) + ": expected at least one token, found none");
}

template <typename Value>
TensorView view_of(const std::string& name, Dtype dtype, const Shape& shape,
                   std::span<const Value> values) {
  return {name, dtype, shape, std::as_bytes(values)};
}

}  // namespace

Trace trace_texts(const Model& model, std::string_view question, std::string_view passage,
                  std::size_t window) {
  return nn::guarded([&] {
    const PreparedQuestion read_question =
        prepare_question(model.tokenizer(), model.config().split.max_question_tokens, question);
    require_tokens("question", read_question.ids);
    const PreparedPassage read_passage =
        prepare_passage(model.tokenizer(), model.config().split, model.config().task, passage);
    require_tokens("passage", read_passage.tokens.ids);
    const std::vector<Window>& windows = read_passage.windows;
    if (window >= windows.size()) {
      throw Error(ErrorCode::kInvalidArgument, "window: expected less than the passage's " +
                                                   std::to_string(windows.size()) + ", found " +
                                                   std::to_string(window));
    }
    Segment question_segment = ModelAccess::layout(model).question(read_question.ids);
    const auto ids = std::span(read_passage.tokens.ids)
                         .subspan(windows[window].first_token, windows[window].num_tokens);
    Segment passage_segment = ModelAccess::layout(model).passage(
        ids, static_cast<std::int64_t>(question_segment.ids.size()));
    Trace trace = trace_segments(model, question_segment, passage_segment);
    trace.windows = windows.size();
    trace.question_cut = read_question.cut;
    return trace;
  });
}

Trace trace_ids(const Model& model, std::span<const std::int32_t> question_ids,
                std::span<const std::int32_t> passage_ids) {
  return nn::guarded([&] {
    const SegmentLayout& layout = ModelAccess::layout(model);
    const std::size_t question_special = layout.question({}).ids.size();
    const auto passage_special = static_cast<std::size_t>(layout.passage_special_tokens());
    require_rows("question ids", question_ids.size(), question_special);
    require_rows("passage ids", passage_ids.size(), passage_special + 1);
    require_known("question ids", question_ids, model.config().vocab_size);
    require_known("passage ids", passage_ids, model.config().vocab_size);
    // The layout gives types and positions, which depend on lengths alone; the ids are the
    // caller's.
    Segment question = layout.question(question_ids.first(question_ids.size() - question_special));
    question.ids.assign(question_ids.begin(), question_ids.end());
    Segment passage = layout.passage(passage_ids.first(passage_ids.size() - passage_special),
                                     static_cast<std::int64_t>(question_ids.size()));
    passage.ids.assign(passage_ids.begin(), passage_ids.end());
    return trace_segments(model, question, passage);
  });
}

void save_trace(const Trace& trace, const std::filesystem::path& path) {
  const std::vector<std::int64_t> question(trace.question_ids.begin(), trace.question_ids.end());
  const std::vector<std::int64_t> passage(trace.passage_ids.begin(), trace.passage_ids.end());
  std::vector<TensorView> views;
  for (const TraceTensor& tensor : trace.tensors) {
    views.push_back(view_of<float>(tensor.name, Dtype::kF32, tensor.shape, tensor.values));
  }
  const auto add_ids = [&](const char* name, const std::vector<std::int64_t>& ids) {
    const Shape shape{static_cast<std::int64_t>(ids.size())};
    views.push_back(view_of<std::int64_t>(name, Dtype::kI64, shape, ids));
  };
  add_ids("ids.question", question);
  add_ids("ids.passage", passage);
  write_safetensors(path, views);
}

}  // namespace deformer
