// The parts of the page, as src/serve/page/ has them; the build writes page_text.cpp.
#pragma once

#include <string_view>

namespace deformer::serve {

extern const std::string_view kPageHtml;  ///< with "/*style*/" and "/*script*/" where those belong
extern const std::string_view kPageStyle;
extern const std::string_view kPageScript;

}  // namespace deformer::serve
