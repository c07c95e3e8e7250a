// Lines of JSON Lines streams: questions and passages (docs/cli.md, "JSON Lines").
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "deformer/span_qa.h"

namespace deformer::tools {

struct JsonlRequest {
  std::string
      id_json;        ///< the line's id as JSON text in its own spelling (12345678901234567890123,
                      ///< 1e2), to be given back; empty when it has none
  QaRequest request;  ///< passages whose text is empty are left out; one that has no id gets its
                      ///< text's content id
};

/// `where` begins messages, e.g. "in.jsonl: line 7". Throws kCorrupt for broken JSON (with the
/// column) and for a missing or mistyped field, kInvalidArgument for fields that contradict each
/// other and for a passage's id that is empty or longer than stores take.
[[nodiscard]] JsonlRequest parse_jsonl_request(std::string_view line, const std::string& where);

/// {"id", "text"}: a passage to be encoded. The id may be a string or an integer, which is taken
/// by its digits; without one it is the text's content id. Throws as above.
[[nodiscard]] Passage parse_jsonl_passage(std::string_view line, const std::string& where);

/// The longest id of every store (docs/store_format.md), and of the service.
inline constexpr std::size_t kMaxIdBytes = 500;

/// A line of white space, which streams of JSON Lines may hold.
[[nodiscard]] bool is_blank_line(std::string_view line) noexcept;

}  // namespace deformer::tools
