#include "task/passage_source.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>
#include <utility>

#include "architecture/segment_layout.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "model/model_access.h"
#include "nn/placement.h"
#include "nn/transfer.h"
#include "store/hidden_codec.h"
#include "store/passage_check.h"
#include "task/parallel_pass.h"
#include "task/passage_batches.h"
#include "task/preparation.h"
#include "task/stage_timer.h"
#include "text/word_extents.h"

namespace deformer {
namespace {

// Before any has been looked up: a few windows, so that the first look-up of long ones is short.
constexpr std::size_t kWindowsExpected = 4;

Error absent(const Passage& passage, bool has_store) {
  return {ErrorCode::kNotFound,
          "passage \"" + passage.id + "\": no text was given and " +
              (has_store ? "the store has no such passage" : "there is no store")};
}

// What one passage cannot be blamed for.
bool concerns_all(const Error& error) {
  return error.code() == ErrorCode::kResourceExhausted || error.code() == ErrorCode::kIo;
}

// A record with another text is stale: as good as absent.
bool is_fresh(const EncodedPassage* found, const Passage& wanted) {
  return found != nullptr && (wanted.text.empty() || found->text == wanted.text);
}

// One of the two matrices of a passage.
struct StoredMatrix {
  HiddenStates EncodedPassage::*states;
  std::size_t rows_per_row;  // of the passage
};
constexpr StoredMatrix kHidden{&EncodedPassage::hidden, 1};
constexpr StoredMatrix kProjections{&EncodedPassage::projections, kProjectionsPerRow};

[[noreturn]] void throw_misshapen(const EncodedPassage& passage, const std::string& what,
                                  std::size_t expected, std::size_t found) {
  throw Error(ErrorCode::kCorrupt, "passage \"" + passage.id + "\": expected " +
                                       std::to_string(expected) + " " + what + ", found " +
                                       std::to_string(found));
}

// The fingerprint vouches for the model, not for whoever filled the record.
void require_shape(const EncodedPassage& passage, const StoredMatrix& matrix, const char* name,
                   std::size_t rows, std::size_t width) {
  const HiddenStates& states = passage.*matrix.states;
  if (states.rows != matrix.rows_per_row * rows) {
    throw_misshapen(passage, std::string("rows of ") + name, matrix.rows_per_row * rows,
                    states.rows);
  }
  if (rows > 0 && states.hidden_size != width) {
    throw_misshapen(passage, std::string("values a row of ") + name, width, states.hidden_size);
  }
}

// A record at fault, or one that a caller's own store lacks and says so.
bool concerns_one_passage(const Error& error) {
  return is_fault_of_record(error) || error.code() == ErrorCode::kNotFound;
}

bool all_fp16(std::span<const WindowRequest> windows) {
  return std::all_of(windows.begin(), windows.end(), [](const WindowRequest& request) {
    return request.passage->encoded->hidden.codec == HiddenCodec::kFp16;
  });
}

// Rows that a thread copies at least: less is not worth waking it.
constexpr std::int64_t kCopiedRows = 64;

// Rows [first_row, first_row + rows) of a window as fp32, or as the fp16 that they are stored in.
template <typename Value>
void copy_window_rows(const StoredMatrix& matrix, const WindowRequest& window,
                      std::int64_t first_row, std::int64_t rows, std::span<Value> out) {
  const HiddenStates& stored = (*window.passage->encoded).*matrix.states;
  const std::size_t first =
      window.passage->first_rows[window.window] + static_cast<std::size_t>(first_row);
  const std::size_t first_stored = matrix.rows_per_row * first;
  const std::size_t count = matrix.rows_per_row * static_cast<std::size_t>(rows);
  try {
    if constexpr (std::is_same_v<Value, float>) {
      decode_hidden(stored, first_stored, count, out);
    } else {
      copy_rows(stored, first_stored, count, std::as_writable_bytes(out));
    }
  } catch (const Error& error) {
    const std::string& id = window.passage->encoded->id;
    throw PassageFault(window.passage, "passage " + in_quotes(id) + ": " + error.what());
  }
}

// The rows of several windows in host memory: [rows, hidden size x rows_per_row].
template <typename Value>
at::Tensor copy_states(const StoredMatrix& matrix, std::span<const WindowRequest> windows,
                       std::span<const std::int64_t> offsets, std::int64_t hidden_size,
                       const at::Device& device) {
  const std::int64_t width = hidden_size * static_cast<std::int64_t>(matrix.rows_per_row);
  at::Tensor states =
      nn::staging({offsets.back(), width}, c10::CppTypeToScalarType<Value>::value, device);
  auto* const values = states.mutable_data_ptr<Value>();
  at::parallel_for(0, offsets.back(), kCopiedRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const std::int64_t from = std::max(begin, offsets[i]);
      const std::int64_t rows = std::min(end, offsets[i + 1]) - from;
      if (rows <= 0) continue;
      const std::span<Value> out(values + from * width, static_cast<std::size_t>(rows * width));
      copy_window_rows(matrix, windows[i], from - offsets[i], rows, out);
    }
  });
  return states;
}

}  // namespace

std::span<const ByteSpan> ReadyPassage::tokens() const {
  if (!tokens_) {
    tokens_ = word_extents(encoded->text, {}, encoded->spans);
    empty_blank(encoded->text, *tokens_);
  }
  return *tokens_;
}

std::span<const ByteSpan> ReadyPassage::words() const {
  if (!words_) {
    words_ = word_extents(encoded->text, bert_words(encoded->text), encoded->spans);
    empty_blank(encoded->text, *words_);
  }
  return *words_;
}

std::span<const ByteSpan> ReadyPassage::words_of(const Tokenizer& tokenizer) const {
  if (!tokenizer_words_) {
    tokenizer_words_ = word_extents(encoded->text, tokenizer.words(encoded->text), encoded->spans);
  }
  return *tokenizer_words_;
}

const CodePointIndex& ReadyPassage::code_points() const {
  if (!code_points_) code_points_.emplace(encoded->text);
  return *code_points_;
}

PassageSource::PassageSource(const Model& model, const PassageStore* store,
                             std::size_t batch_tokens, StageTimes* times)
    : model_(model),
      store_(store),
      batch_tokens_(batch_tokens),
      times_(times),
      expected_tokens_(kWindowsExpected *
                       static_cast<std::size_t>(model.config().split.window_tokens)) {}

std::vector<ReadyPassage> PassageSource::resolve(std::span<const Passage* const> passages,
                                                 const IsWanted& is_wanted) {
  std::vector<ReadyPassage> ready(passages.size());
  if (!model_.can_store_passages()) {
    tokenize_missing(passages, ready);
    return ready;
  }
  look_up(passages, ready);
  encode_missing(passages, ready, is_wanted);
  for (ReadyPassage& passage : ready) {
    if (passage.error) continue;
    try {
      locate_rows(passage);
    } catch (const Error& error) {
      passage.error = error;
    }
  }
  return ready;
}

void PassageSource::look_up(std::span<const Passage* const> passages,
                            std::vector<ReadyPassage>& ready) {
  if (store_ != nullptr) {
    const StageTimer timer(times_, &StageTimes::read);
    try {
      fetch(passages, ready);
    } catch (const Error& error) {
      // It concerns those alone who ask about it.
      if (!concerns_one_passage(error)) throw;
      for (std::size_t i = 0; i < passages.size(); ++i) fetch_alone(*passages[i], ready[i]);
    }
    expect_more_of(ready);
  }
  for (std::size_t i = 0; i < passages.size(); ++i) {
    const bool known = ready[i].encoded || ready[i].error || !passages[i]->text.empty();
    if (!known) ready[i].error = absent(*passages[i], store_ != nullptr);
  }
}

void PassageSource::fetch(std::span<const Passage* const> passages,
                          std::span<ReadyPassage> ready) const {
  std::vector<std::string> ids;
  ids.reserve(passages.size());
  for (const Passage* passage : passages) ids.push_back(passage->id);
  auto found = store_->get(ids);
  check_found(ids, found);
  for (std::size_t i = 0; i < passages.size(); ++i) {
    if (!is_fresh(found[i].get(), *passages[i])) continue;
    ready[i].encoded = std::move(found[i]);
    ready[i].origin = StatesOrigin::kStored;
  }
}

void PassageSource::fetch_alone(const Passage& passage, ReadyPassage& ready) const {
  const Passage* const one = &passage;
  try {
    fetch({&one, 1}, {&ready, 1});
  } catch (const Error& error) {
    if (!concerns_one_passage(error)) throw;
    ready.error = error;
  }
}

void PassageSource::expect_more_of(std::span<const ReadyPassage> found) {
  std::size_t passages = 0;
  std::size_t tokens = 0;
  for (const ReadyPassage& each : found) {
    if (!each.encoded) continue;
    ++passages;
    tokens += each.encoded->hidden.rows;
  }
  if (passages > 0) expected_tokens_ = std::max<std::size_t>(tokens / passages, 1);
}

void PassageSource::encode_missing(std::span<const Passage* const> passages,
                                   std::vector<ReadyPassage>& ready,
                                   const IsWanted& is_wanted) const {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < passages.size(); ++i) {
    if (!ready[i].encoded && !ready[i].error) places.push_back(i);
  }
  try {
    encode(passages, places, ready, is_wanted);
  } catch (const Error& error) {
    if (concerns_all(error)) throw;
    // Whichever it is, the others are read.
    for (const std::size_t place : places) {
      if (!ready[place].encoded) encode_alone(passages, place, ready, is_wanted);
    }
  }
  for (const std::size_t place : places) {
    if (ready[place].encoded || ready[place].error) continue;
    ready[place].error = Error(ErrorCode::kCancelled, "passage " + in_quotes(passages[place]->id) +
                                                          ": nobody waits for it any more");
  }
}

void PassageSource::encode(std::span<const Passage* const> passages,
                           std::span<const std::size_t> places, std::vector<ReadyPassage>& ready,
                           const IsWanted& is_wanted) const {
  std::vector<const Passage*> missing;
  for (const std::size_t place : places) missing.push_back(passages[place]);
  PassageBatchOptions options{.batch_tokens = batch_tokens_, .stage_times = times_};
  if (is_wanted) options.is_wanted = [&](std::size_t i) { return is_wanted(places[i]); };
  encode_in_batches(model_, missing, options,
                    [&](std::span<const std::size_t> indices, auto&& encoded) {
                      for (std::size_t i = 0; i < indices.size(); ++i) {
                        ready[places[indices[i]]].encoded =
                            std::make_shared<const EncodedPassage>(std::move(encoded[i]));
                      }
                    });
}

void PassageSource::encode_alone(std::span<const Passage* const> passages, std::size_t place,
                                 std::vector<ReadyPassage>& ready,
                                 const IsWanted& is_wanted) const {
  try {
    encode(passages, {&place, 1}, ready, is_wanted);
  } catch (const Error& error) {
    if (concerns_all(error)) throw;
    ready[place].error = error;
  }
}

void PassageSource::tokenize_missing(std::span<const Passage* const> passages,
                                     std::vector<ReadyPassage>& ready) const {
  const StageTimer timer(times_, &StageTimes::tokenize);
  for (std::size_t i = 0; i < passages.size(); ++i) {
    if (passages[i]->text.empty()) {
      ready[i].error = absent(*passages[i], false);
      continue;
    }
    try {
      tokenize(*passages[i], ready[i]);
    } catch (const Error& error) {
      if (concerns_all(error)) throw;
      ready[i].error = error;
    }
  }
}

void PassageSource::tokenize(const Passage& passage, ReadyPassage& ready) const {
  PreparedPassage prepared = prepare_passage(model_.tokenizer(), model_.config().split,
                                             model_.config().task, passage.text);
  EncodedPassage encoded;
  encoded.id = passage.id;
  encoded.text = passage.text;
  encoded.windows = std::move(prepared.windows);
  encoded.spans = std::move(prepared.tokens.spans);
  ready.encoded = std::make_shared<const EncodedPassage>(std::move(encoded));
  ready.ids = std::move(prepared.tokens.ids);
}

void PassageSource::locate_rows(ReadyPassage& ready) const {
  const EncodedPassage& passage = *ready.encoded;
  const auto suffix =
      static_cast<std::size_t>(ModelAccess::layout(model_).passage_special_tokens());
  std::size_t rows = 0;
  for (const Window& window : passage.windows) {
    ready.first_rows.push_back(rows);
    rows += window.num_tokens + suffix;
  }
  const auto width = static_cast<std::size_t>(model_.config().hidden_size);
  require_shape(passage, kHidden, "hidden states", rows, width);
  if (passage.projection_hash != 0) {
    require_shape(passage, kProjections, "projections", rows, width);
  }
}

// Those of this model, not of another one.
bool PassageSource::has_projections(const WindowRequest& request) const {
  const std::uint64_t hash = request.passage->encoded->projection_hash;
  return hash != 0 && hash == model_.projection_hash();
}

Encoding PassageSource::lower(std::span<const WindowRequest> windows) const {
  return model_.can_store_passages() ? read_states(windows) : compute_states(windows);
}

Encoding PassageSource::read_states(std::span<const WindowRequest> windows) const {
  const StageTimer timer(times_, &StageTimes::read);
  const std::int64_t suffix = ModelAccess::layout(model_).passage_special_tokens();
  Encoding encoding;
  encoding.offsets.push_back(0);
  for (const WindowRequest& request : windows) {
    const Window& window = request.passage->encoded->windows[request.window];
    encoding.offsets.push_back(encoding.offsets.back() + window.num_tokens + suffix);
  }
  const nn::Placement placement = nn::placement_of(model_.runtime());
  // Halves are copied as they are where nobody reads them as fp32.
  const bool as_stored = placement.type != at::kFloat && all_fp16(windows);
  const auto copy = [&](const StoredMatrix& matrix, std::span<const WindowRequest> of,
                        std::span<const std::int64_t> offsets) {
    const auto copy_typed = as_stored ? copy_states<at::Half> : copy_states<float>;
    return nn::to_device(
        copy_typed(matrix, of, offsets, model_.config().hidden_size, placement.device), placement);
  };
  encoding.hidden = copy(kHidden, windows, encoding.offsets);
  const auto stored = std::count_if(windows.begin(), windows.end(),
                                    [this](const auto& each) { return has_projections(each); });
  if (stored == 0) return encoding;
  if (stored == std::ssize(windows)) {
    encoding.projections = copy(kProjections, windows, encoding.offsets);
    return encoding;
  }
  // What a passage has counts, whatever else is in its batch: stored projections are rounded.
  encoding.projections = model_.encoder().project(encoding.hidden);
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (!has_projections(windows[i])) continue;
    const std::array<std::int64_t, 2> own{0, encoding.offsets[i + 1] - encoding.offsets[i]};
    encoding.projections.narrow(0, encoding.offsets[i], own[1])
        .copy_(copy(kProjections, windows.subspan(i, 1), own));
  }
  return encoding;
}

Encoding PassageSource::compute_states(std::span<const WindowRequest> windows) const {
  const StageTimer timer(times_, &StageTimes::lower);
  std::vector<Segment> segments;
  segments.reserve(windows.size());
  for (const WindowRequest& request : windows) {
    const Window& window = request.passage->encoded->windows[request.window];
    const auto ids = std::span(request.passage->ids).subspan(window.first_token, window.num_tokens);
    segments.push_back(ModelAccess::layout(model_).passage(ids, request.question_tokens));
  }
  return lower_in_parts(model_, segments);
}

}  // namespace deformer
