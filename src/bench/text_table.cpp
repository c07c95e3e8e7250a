#include "bench/text_table.h"

#include <algorithm>
#include <utility>

#include "base/table_text.h"

namespace deformer {

void TextTable::row(std::vector<std::string> cells) {
  rows_.push_back({std::move(cells), false});
}

void TextTable::line(std::string text) {
  rows_.push_back({{std::move(text)}, true});
}

std::vector<std::size_t> TextTable::widths() const {
  std::vector<std::size_t> widths{name_width_};
  for (const Row& row : rows_) {
    if (row.is_line) continue;
    if (widths.size() < row.cells.size()) widths.resize(row.cells.size(), cell_width_);
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      widths[i] = std::max(widths[i], row.cells[i].size());
    }
  }
  return widths;
}

std::string TextTable::text() const {
  const std::vector<std::size_t> columns = widths();
  std::string text;
  for (const Row& row : rows_) {
    text += row.is_line ? row.cells.front() : left_aligned(row.cells.front(), columns.front());
    for (std::size_t i = 1; i < row.cells.size(); ++i) {
      text.append("  ").append(right_aligned(row.cells[i], columns[i]));
    }
    text += "\n";
  }
  return text;
}

}  // namespace deformer
