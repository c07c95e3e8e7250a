// Answering a stream of JSON Lines.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "tools/answerer.h"
#include "tools/output.h"
#include "tools/talk.h"

namespace deformer::tools {

struct JsonlOptions {
  std::string path;                  ///< "-" is standard input
  bool keep_going = false;           ///< a bad line gives an error line instead of ending the run
  std::optional<std::size_t> limit;  ///< most lines that are read
};

/// One line out for each line in (blank lines aside), in order. What is there is answered without
/// waiting for more, and flushed. Returns the number of error lines. Throws for the first bad line,
/// naming it, after the lines before it have been answered.
std::size_t answer_jsonl(Answerer& answerer, const JsonlOptions& options, const Talk& talk,
                         Output& output);

}  // namespace deformer::tools
