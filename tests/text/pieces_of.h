// What a tokenizer makes of a text, readable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deformer/tokenizer.h"

namespace deformer::test {

inline std::vector<std::string> pieces_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::string> pieces;
  for (const std::int32_t id : tokenizer.tokenize(text).ids) pieces.push_back(tokenizer.token(id));
  return pieces;
}

}  // namespace deformer::test
