#include "base/shown_uri.h"

namespace deformer {

std::string shown_uri(std::string_view uri) {
  constexpr std::string_view kScheme = "redis://";
  const std::size_t at = uri.rfind('@');
  if (!uri.starts_with(kScheme) || at == std::string_view::npos) return std::string(uri);
  return std::string(kScheme).append(uri.substr(at + 1));
}

}  // namespace deformer
