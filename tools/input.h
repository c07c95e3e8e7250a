// Reading files and standard input ("-").
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace deformer::tools {

/// A file descriptor for reading. Throws Error (kNotFound, kIo).
class Input {
 public:
  /// "-" is standard input.
  explicit Input(const std::string& path);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// Appends what one read gives, waiting for it; false at the end.
  [[nodiscard]] bool read_some(std::string& buffer);
  /// True when read_some() would not wait.
  [[nodiscard]] bool ready() const;
  [[nodiscard]] bool is_terminal() const;
  /// For messages: the path or "standard input".
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
  int descriptor_ = -1;
};

/// The whole file. Throws kCorrupt for one of UTF-16, by its mark, for one with a byte 0
/// (a PDF, an image) and for a Git LFS pointer.
[[nodiscard]] std::string read_text(const std::string& path);

/// Lines of a stream in batches that never wait for more than the next line.
class LineReader {
 public:
  static constexpr std::size_t kMaxLineBytes = std::size_t{16} << 20;
  static constexpr std::size_t kMaxBatchBytes = std::size_t{32} << 20;

  struct Line {
    std::size_t number = 0;  ///< from 1
    std::string text;        ///< without its line feed, the first without a byte order mark
    bool too_long = false;   ///< it has more than kMaxLineBytes; `text` is empty
  };

  explicit LineReader(const std::string& path) : input_(path) {}

  /// The lines that are there, at least one and at most `max_lines`, none after those of
  /// kMaxBatchBytes; waits only for the first. Empty at the end. The line after one that is too
  /// long is read as any other.
  [[nodiscard]] std::vector<Line> next_batch(std::size_t max_lines);

  [[nodiscard]] const Input& input() const noexcept { return input_; }

 private:
  [[nodiscard]] std::optional<Line> next_complete_line();
  void keep_unfinished();

  Input input_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of the first line not yet returned
  std::size_t scanned_ = 0;  // no line feed in [begin_, scanned_)
  std::size_t lines_ = 0;
  bool ended_ = false;
  bool too_long_ = false;  // the line that has begun
};

/// Throws kInvalidArgument "WHERE: ..." for a line that is too long.
void require_whole(const LineReader::Line& line, const std::string& where);

}  // namespace deformer::tools
