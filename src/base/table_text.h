// Lines and cells of the tables that people read.
#pragma once

#include <cstddef>
#include <string>

namespace deformer {

/// `text` at the right end of a cell of `width` bytes; longer than that, as it is.
[[nodiscard]] std::string right_aligned(const std::string& text, std::size_t width);
/// At the left end.
[[nodiscard]] std::string left_aligned(std::string text, std::size_t width);

/// A line of a report: "store         lmdb:passages, format version 2\n". Values stand in one
/// column behind names of less than 14 bytes.
[[nodiscard]] std::string report_line(const std::string& name, const std::string& value);

}  // namespace deformer
