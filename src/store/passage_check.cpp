#include "store/passage_check.h"

#include <limits>
#include <unordered_set>

#include "base/quote.h"
#include "deformer/error.h"
#include "store/hidden_codec.h"
#include "store/store_entry.h"

namespace deformer {
namespace {

[[noreturn]] void fail(std::string_view id, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "passage " + in_quotes(id) + ": " + message);
}

[[noreturn]] void fail(const EncodedPassage& passage, const std::string& message) {
  fail(passage.id, message);
}

std::string range(std::uint64_t begin, std::uint64_t end) {
  return "[" + std::to_string(begin) + ", " + std::to_string(end) + ")";
}

void validate_sizes(const EncodedPassage& passage) {
  require_valid_id(passage.id);
  if (passage.text.size() > std::numeric_limits<std::uint32_t>::max()) {
    fail(passage,
         "expected at most 4 GiB of text, found " + std::to_string(passage.text.size()) + " bytes");
  }
  const std::size_t width = passage.hidden.hidden_size;
  if (width > kMaxHiddenSize || (width == 0 && !passage.windows.empty())) {
    fail(passage, "expected a hidden size of 1 to " + std::to_string(kMaxHiddenSize) + ", found " +
                      std::to_string(width));
  }
  if (static_cast<std::uint8_t>(passage.hidden.codec) > 2) fail(passage, "unknown codec");
}

void validate_matrix(const EncodedPassage& passage, const HiddenStates& matrix, const char* what,
                     void (*validate)(const HiddenStates&) = validate_hidden) {
  try {
    validate(matrix);
  } catch (const Error& error) {
    fail(passage, std::string(what) + error.what());
  }
}

void validate_projections(const EncodedPassage& passage) {
  const HiddenStates& states = passage.hidden;
  const HiddenStates& projections = passage.projections;
  const std::size_t rows = passage.projection_hash == 0 ? 0 : kProjectionsPerRow * states.rows;
  if (projections.rows != rows) {
    fail(passage, "expected " + std::to_string(rows) + " rows of projections, found " +
                      std::to_string(projections.rows));
  }
  if (passage.projection_hash != 0 &&
      (projections.hidden_size != states.hidden_size || projections.codec != states.codec)) {
    fail(passage, "expected projections of the states' width and codec, " +
                      std::to_string(states.hidden_size) + " in " + to_string(states.codec) +
                      ", found " + std::to_string(projections.hidden_size) + " in " +
                      to_string(projections.codec));
  }
  validate_matrix(passage, projections, "projections: ");
}

}  // namespace

void require_valid_id(std::string_view id) {
  if (is_valid_id(id)) return;
  fail(id, "expected an id of 1 to " + std::to_string(kMaxIdBytes) + " bytes, found " +
               std::to_string(id.size()));
}

std::optional<std::string> find_window_fault(std::span<const Window> windows,
                                             std::size_t num_tokens) {
  std::uint64_t covered = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::uint64_t begin = windows[i].first_token;
    const std::uint64_t end = begin + windows[i].num_tokens;
    const bool in_order = i == 0 ? begin == 0 : begin > windows[i - 1].first_token;
    if (!in_order || begin > covered || end <= covered || end > num_tokens) {
      return "window " + std::to_string(i) + ": expected tokens in order, without a gap, within " +
             range(0, num_tokens) + ", found " + range(begin, end) + " after token " +
             std::to_string(covered);
    }
    covered = end;
  }
  if (covered == num_tokens) return std::nullopt;
  return "windows: expected all " + std::to_string(num_tokens) + " tokens covered, found " +
         std::to_string(covered);
}

std::optional<std::string> find_span_fault(std::span<const ByteSpan> spans,
                                           std::size_t text_bytes) {
  ByteSpan last;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const ByteSpan span = spans[i];
    if (span.begin < last.begin || span.end < last.end || span.end < span.begin ||
        span.end > text_bytes) {
      return "token " + std::to_string(i) + ": expected bytes in order, within " +
             range(0, text_bytes) + ", found " + range(span.begin, span.end) + " after " +
             range(last.begin, last.end);
    }
    last = span;
  }
  return std::nullopt;
}

std::uint32_t special_tokens_of(const EncodedPassage& passage) {
  std::uint64_t tokens = 0;
  for (const Window& window : passage.windows) tokens += window.num_tokens;
  const std::uint64_t rows = passage.hidden.rows;
  const std::size_t windows = passage.windows.size();
  const std::uint64_t special = rows < tokens || windows == 0 ? 0 : (rows - tokens) / windows;
  if (rows != tokens + special * windows || special > std::numeric_limits<std::uint32_t>::max()) {
    fail(passage, "expected " + std::to_string(tokens) +
                      " rows of hidden states and as many more " + "for each of " +
                      std::to_string(windows) + " windows, found " + std::to_string(rows));
  }
  return static_cast<std::uint32_t>(special);
}

void validate_passage(const EncodedPassage& passage) {
  validate_sizes(passage);
  if (passage.spans.size() > std::numeric_limits<std::uint32_t>::max()) {
    fail(passage, "too many tokens");
  }
  if (const auto fault = find_span_fault(passage.spans, passage.text.size())) {
    fail(passage, *fault);
  }
  if (const auto fault = find_window_fault(passage.windows, passage.spans.size())) {
    fail(passage, *fault);
  }
  static_cast<void>(special_tokens_of(passage));
  validate_matrix(passage, passage.hidden, "");
  validate_projections(passage);
}

void validate_batch(std::span<const EncodedPassage> passages) {
  std::unordered_set<std::string_view> ids;
  ids.reserve(passages.size());
  for (const EncodedPassage& passage : passages) {
    validate_passage(passage);
    validate_matrix(passage, passage.hidden, "", validate_values);
    validate_matrix(passage, passage.projections, "projections: ", validate_values);
    if (!ids.insert(passage.id).second) fail(passage, "expected each id once a batch, found twice");
  }
}

void require_record_fits(std::string_view id, std::uint64_t record_bytes, std::uint64_t most,
                         std::string_view limit) {
  if (record_bytes <= most) return;
  throw Error(ErrorCode::kInvalidArgument,
              "passage " + in_quotes(id) + ": expected a record of at most " +
                  std::to_string(most) + " bytes (" + std::string(limit) + "), found " +
                  std::to_string(record_bytes));
}

bool is_fault_of_record(const Error& error) noexcept {
  const bool is_fault =
      error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kIncompatible;
  return is_fault && dynamic_cast<const StoreError*>(&error) == nullptr;
}

void check_found(std::span<const std::string> ids,
                 std::span<const std::shared_ptr<const EncodedPassage>> found) {
  if (found.size() != ids.size()) {
    throw Error(ErrorCode::kCorrupt, "store: expected " + std::to_string(ids.size()) +
                                         " passages, found " + std::to_string(found.size()));
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!found[i]) continue;
    if (found[i]->id != ids[i]) {
      throw Error(ErrorCode::kCorrupt, "store: expected passage " + in_quotes(ids[i]) +
                                           ", found passage " + in_quotes(found[i]->id));
    }
    try {
      validate_passage(*found[i]);
    } catch (const Error& error) {
      throw Error(ErrorCode::kCorrupt, std::string("store: ") + error.what());
    }
  }
}

}  // namespace deformer
