#include "task/passage_source.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include "deformer/error.h"
#include "model/segment_layout.h"
#include "nn/placement.h"
#include "nn/transfer.h"
#include "store/hidden_codec.h"
#include "task/passage_batches.h"
#include "task/stage_timer.h"

namespace deformer {
namespace {

[[noreturn]] void throw_absent(const Passage& passage, bool has_store) {
  throw Error(ErrorCode::kNotFound,
              "passage \"" + passage.id + "\": no text was given and " +
                  (has_store ? "the store has no such passage" : "there is no store"));
}

[[noreturn]] void throw_misshapen(const EncodedPassage& passage, const std::string& what,
                                  std::size_t expected, std::size_t found) {
  throw Error(ErrorCode::kCorrupt, "passage \"" + passage.id + "\": expected " +
                                       std::to_string(expected) + " " + what + ", found " +
                                       std::to_string(found));
}

bool all_fp16(std::span<const WindowRequest> windows) {
  return std::all_of(windows.begin(), windows.end(), [](const WindowRequest& request) {
    return request.passage->encoded->hidden.codec == HiddenCodec::kFp16;
  });
}

// Rows of several windows as fp32, or as the fp16 that they are stored in, in host memory.
template <typename Value>
at::Tensor copy_states(std::span<const WindowRequest> windows,
                       std::span<const std::int64_t> offsets, std::int64_t width,
                       const at::Device& device) {
  at::Tensor states =
      nn::staging({offsets.back(), width}, c10::CppTypeToScalarType<Value>::value, device);
  auto* const values = states.mutable_data_ptr<Value>();
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const ReadyPassage& passage = *windows[i].passage;
    const auto rows = static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
    const std::span<Value> out(values + offsets[i] * width, rows * static_cast<std::size_t>(width));
    const HiddenStates& hidden = passage.encoded->hidden;
    const std::size_t first_row = passage.first_rows[windows[i].window];
    if constexpr (std::is_same_v<Value, float>) {
      decode_hidden(hidden, first_row, rows, out);
    } else {
      copy_rows(hidden, first_row, rows, std::as_writable_bytes(out));
    }
  }
  return states;
}

}  // namespace

std::vector<ReadyPassage> PassageSource::resolve(std::span<const Passage* const> passages) const {
  std::vector<ReadyPassage> ready(passages.size());
  if (model_.segment_layout().passage_depends_on_question()) {
    tokenize_missing(passages, ready);
    return ready;
  }
  look_up(passages, ready);
  encode_missing(passages, ready);
  for (ReadyPassage& passage : ready) locate_rows(passage);
  return ready;
}

void PassageSource::look_up(std::span<const Passage* const> passages,
                            std::vector<ReadyPassage>& ready) const {
  if (store_ != nullptr) {
    const StageTimer timer(times_, &StageTimes::read);
    std::vector<std::string> ids;
    ids.reserve(passages.size());
    for (const Passage* passage : passages) ids.push_back(passage->id);
    auto found = store_->get(ids);
    for (std::size_t i = 0; i < passages.size(); ++i) {
      // A record with another text is stale: as good as absent.
      const bool fresh =
          found[i] != nullptr && (passages[i]->text.empty() || found[i]->text == passages[i]->text);
      if (fresh) ready[i].encoded = std::move(found[i]);
    }
  }
  for (std::size_t i = 0; i < passages.size(); ++i) {
    if (!ready[i].encoded && passages[i]->text.empty()) {
      throw_absent(*passages[i], store_ != nullptr);
    }
  }
}

void PassageSource::encode_missing(std::span<const Passage* const> passages,
                                   std::vector<ReadyPassage>& ready) const {
  std::vector<std::size_t> places;
  std::vector<const Passage*> missing;
  for (std::size_t i = 0; i < passages.size(); ++i) {
    if (ready[i].encoded) continue;
    places.push_back(i);
    missing.push_back(passages[i]);
  }
  const PassageBatchOptions options{.batch_tokens = batch_tokens_, .stage_times = times_};
  encode_in_batches(model_, missing, options,
                    [&](std::span<const std::size_t> indices, auto&& encoded) {
                      for (std::size_t i = 0; i < indices.size(); ++i) {
                        ready[places[indices[i]]].encoded =
                            std::make_shared<const EncodedPassage>(std::move(encoded[i]));
                      }
                    });
}

void PassageSource::tokenize_missing(std::span<const Passage* const> passages,
                                     std::vector<ReadyPassage>& ready) const {
  const StageTimer timer(times_, &StageTimes::tokenize);
  for (std::size_t i = 0; i < passages.size(); ++i) {
    if (passages[i]->text.empty()) throw_absent(*passages[i], false);
    TokenizedText tokens = model_.tokenizer().tokenize(passages[i]->text);
    EncodedPassage passage;
    passage.id = passages[i]->id;
    passage.text = passages[i]->text;
    passage.windows = cut_windows(model_.config(), tokens);
    passage.spans = std::move(tokens.spans);
    ready[i].encoded = std::make_shared<const EncodedPassage>(std::move(passage));
    ready[i].ids = std::move(tokens.ids);
  }
}

void PassageSource::locate_rows(ReadyPassage& ready) const {
  const EncodedPassage& passage = *ready.encoded;
  const auto suffix = static_cast<std::size_t>(model_.segment_layout().passage_special_tokens());
  std::size_t rows = 0;
  for (const Window& window : passage.windows) {
    ready.first_rows.push_back(rows);
    rows += window.num_tokens + suffix;
  }
  // The fingerprint vouches for the model, not for whoever filled the record.
  const auto width = static_cast<std::size_t>(model_.config().hidden_size);
  if (passage.hidden.rows != rows) {
    throw_misshapen(passage, "rows of hidden states", rows, passage.hidden.rows);
  }
  if (rows > 0 && passage.hidden.hidden_size != width) {
    throw_misshapen(passage, "values a row", width, passage.hidden.hidden_size);
  }
}

Encoding PassageSource::lower(std::span<const WindowRequest> windows) const {
  return model_.segment_layout().passage_depends_on_question() ? compute_states(windows)
                                                               : read_states(windows);
}

Encoding PassageSource::read_states(std::span<const WindowRequest> windows) const {
  const StageTimer timer(times_, &StageTimes::read);
  const std::int64_t suffix = model_.segment_layout().passage_special_tokens();
  Encoding encoding;
  encoding.offsets.push_back(0);
  for (const WindowRequest& request : windows) {
    const Window& window = request.passage->encoded->windows[request.window];
    encoding.offsets.push_back(encoding.offsets.back() + window.num_tokens + suffix);
  }
  const nn::Placement placement = nn::placement_of(model_.runtime());
  // Halves are copied as they are where nobody reads them as fp32.
  const bool as_stored = placement.type != at::kFloat && all_fp16(windows);
  const auto copy = as_stored ? copy_states<at::Half> : copy_states<float>;
  encoding.hidden = nn::to_device(
      copy(windows, encoding.offsets, model_.config().hidden_size, placement.device), placement);
  return encoding;
}

Encoding PassageSource::compute_states(std::span<const WindowRequest> windows) const {
  const StageTimer timer(times_, &StageTimes::lower);
  std::vector<Segment> segments;
  segments.reserve(windows.size());
  for (const WindowRequest& request : windows) {
    const Window& window = request.passage->encoded->windows[request.window];
    const auto ids = std::span(request.passage->ids).subspan(window.first_token, window.num_tokens);
    segments.push_back(model_.segment_layout().passage(ids, request.question_tokens));
  }
  return model_.encoder().lower(segments);
}

}  // namespace deformer
