// Foreign text inside a message.
#pragma once

#include <string>
#include <string_view>

namespace deformer {

/// `"p1"`, as JSON writes a string: fit for a one-line message of UTF-8 whatever the text holds. A
/// long text is cut, which three dots show.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// Line ends and tabs become blanks, other control characters escapes, so that a text stays one
/// line and cannot steer a terminal.
[[nodiscard]] std::string one_line(std::string_view text);

}  // namespace deformer
