#include <algorithm>
#include <string>
#include <string_view>

#include "deformer/metrics.h"
#include "text/python_text.h"

namespace deformer {
namespace {

// Python's string.punctuation.
bool is_ascii_punctuation(char32_t c) {
  return (c >= U'!' && c <= U'/') || (c >= U':' && c <= U'@') || (c >= U'[' && c <= U'`') ||
         (c >= U'{' && c <= U'~');
}

bool is_article(std::u32string_view word) {
  return word == U"a" || word == U"an" || word == U"the";
}

// \b(a|an|the)\b can only match a whole run of \w.
void blank_articles(std::u32string& text) {
  for (auto begin = text.begin(); begin != text.end();) {
    begin = std::find_if(begin, text.end(), is_python_word);
    const auto end = std::find_if_not(begin, text.end(), is_python_word);
    if (is_article({begin, end})) std::fill(begin, end, U' ');
    begin = end;
  }
}

// ' '.join(text.split())
std::u32string squeeze_spaces(std::u32string_view text) {
  std::u32string squeezed;
  squeezed.reserve(text.size());
  bool between = false;
  for (const char32_t c : text) {
    if (is_python_space(c)) {
      between = !squeezed.empty();
      continue;
    }
    if (between) squeezed.push_back(U' ');
    between = false;
    squeezed.push_back(c);
  }
  return squeezed;
}

}  // namespace

std::string normalize_answer(std::string_view answer) {
  std::u32string text = python_lower(to_utf32(answer));
  std::erase_if(text, is_ascii_punctuation);
  blank_articles(text);
  return to_utf8(squeeze_spaces(text));
}

}  // namespace deformer
