#include "data/readers.h"

#include "base/file.h"
#include "base/json.h"
#include "base/stand_in.h"
#include "deformer/error.h"
#include "text/utf8.h"

namespace deformer {

void fail_reading(const std::string& where, const std::string& expected, const std::string& found) {
  throw Error(ErrorCode::kCorrupt, where + ": expected " + expected + ", found " + found);
}

void set_id(const std::optional<JsonPlace>& id, std::size_t place, Example& example) {
  example.id = id ? id->as_id() : std::to_string(place);
  example.numeric_id = !id || id->value().is_number();
}

std::string fill_option_at(const std::string& where, const std::string& question,
                           const std::string& option) {
  try {
    return fill_option(question, option);
  } catch (const Error& error) {
    throw Error(ErrorCode::kCorrupt, where + ": " + error.what());
  }
}

std::vector<std::string> read_options(const JsonPlace& list) {
  if (list.size() < 2) {
    fail_reading(list.where(), "at least two options", std::to_string(list.size()));
  }
  std::vector<std::string> options;
  for (std::size_t i = 0; i < list.size(); ++i) options.push_back(list.at(i).as_string());
  return options;
}

std::string in_line(const std::string& file, std::size_t line) {
  return file + ": line " + std::to_string(line);
}

bool is_blank(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::string read_data_file(const std::filesystem::path& path) {
  std::string text = read_file(path);
  refuse_stand_in(text, path.string());
  return text;
}

void require_utf8(std::string_view line, const std::string& file, std::size_t number) {
  if (!is_valid_utf8(line)) fail_reading(in_line(file, number), "UTF-8", "other bytes");
}

std::size_t PassageTable::add(std::string text) {
  const auto [entry, added] = places_.emplace(std::move(text), dataset_.passages.size());
  if (added) dataset_.passages.push_back({entry->first});
  return entry->second;
}

}  // namespace deformer
