// Rows of figures for people.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace deformer {

/// The first cell of a row stands at the left end of its column, the others at the right end. Two
/// spaces or more stand between columns, whatever is in the cells.
class TextTable {
 public:
  /// The least widths, in bytes, of the first column and of the others.
  TextTable(std::size_t name_width, std::size_t cell_width)
      : name_width_(name_width), cell_width_(cell_width) {}

  /// At least one cell.
  void row(std::vector<std::string> cells);
  /// A line between the rows, which no column minds.
  void line(std::string text);

  [[nodiscard]] std::string text() const;

 private:
  struct Row {
    std::vector<std::string> cells;
    bool is_line = false;
  };
  [[nodiscard]] std::vector<std::size_t> widths() const;

  std::size_t name_width_;
  std::size_t cell_width_;
  std::vector<Row> rows_;
};

}  // namespace deformer
