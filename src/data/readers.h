// Readers of the known data sets (known_datasets.h has the forms), and what they share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/byte_order_mark.h"
#include "deformer/dataset.h"

namespace deformer {

class JsonPlace;

/// Options that letters can name: "A" to "Z".
inline constexpr std::size_t kOptionLetters = 26;

[[nodiscard]] Dataset load_boolq(const std::filesystem::path& path);
[[nodiscard]] Dataset load_mnli(const std::filesystem::path& path);
[[nodiscard]] Dataset load_qqp(const std::filesystem::path& path);
[[nodiscard]] Dataset load_race(const std::filesystem::path& path);
[[nodiscard]] Dataset load_class_lines(const std::filesystem::path& path);
[[nodiscard]] Dataset load_choice_lines(const std::filesystem::path& path);

/// Throws kCorrupt "WHERE: expected EXPECTED, found FOUND".
[[noreturn]] void fail_reading(const std::string& where, const std::string& expected,
                               const std::string& found);
/// "FILE: line N"
[[nodiscard]] std::string in_line(const std::string& file, std::size_t line);
[[nodiscard]] bool is_blank(std::string_view text) noexcept;

/// The example's id as the file has it, else its place there.
void set_id(const std::optional<JsonPlace>& id, std::size_t place, Example& example);

/// A question's options: texts, at least two. Throws kCorrupt naming the place.
[[nodiscard]] std::vector<std::string> read_options(const JsonPlace& list);

/// fill_option() of one option; kCorrupt naming the place where that is too long.
[[nodiscard]] std::string fill_option_at(const std::string& where, const std::string& question,
                                         const std::string& option);

/// The text of a file. Throws as read_file(), and for a stand-in of a large file.
[[nodiscard]] std::string read_data_file(const std::filesystem::path& path);

/// Throws kCorrupt for a line that is not UTF-8.
void require_utf8(std::string_view line, const std::string& file, std::size_t number);

/// Calls visit(line, number), numbers from 1, without line feed and carriage return, nor a byte
/// order mark before the first. Each line is UTF-8.
template <typename Visit>
void for_each_line(std::string_view text, const std::string& file, Visit&& visit) {
  text = without_byte_order_mark(text);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    require_utf8(line, file, number);
    visit(line, number);
  }
}

/// Adds passages that a file repeats with each of their questions: equal texts are one.
class PassageTable {
 public:
  explicit PassageTable(Dataset& dataset) : dataset_(dataset) {}

  /// The passage's place.
  [[nodiscard]] std::size_t add(std::string text);

 private:
  Dataset& dataset_;
  std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace deformer
