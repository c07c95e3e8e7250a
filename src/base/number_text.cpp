#include "base/number_text.h"

#include <algorithm>
#include <cstdio>

namespace deformer {

std::string grouped(std::size_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return digits;
}

std::string fixed(double value, int decimals) {
  std::string text(64, '\0');
  const int size = std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  text.resize(static_cast<std::size_t>(std::clamp(size, 0, 63)));
  return text;
}

}  // namespace deformer
