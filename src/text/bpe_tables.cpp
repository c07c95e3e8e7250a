#include "text/bpe_tables.h"

#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "base/quote.h"
#include "base/stand_in.h"
#include "deformer/error.h"
#include "text/tokenizer_json_parts.h"

namespace deformer {
namespace {

constexpr std::size_t kMaxMergesBytes = std::size_t{256} << 20;

std::string read_text(const std::filesystem::path& path) {
  try {
    std::string bytes = read_file(path, kMaxMergesBytes);
    refuse_stand_in(bytes, path.string());
    return bytes;
  } catch (const Error& error) {
    // Here the size is not the caller's choice but the file's fault.
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    throw Error(ErrorCode::kCorrupt, error.what());
  }
}

std::pair<std::string_view, std::string_view> split_rule(std::string_view line,
                                                         const std::string& where) {
  const std::size_t space = line.find(' ');
  const bool one =
      space != std::string_view::npos && line.find(' ', space + 1) == std::string_view::npos;
  if (one && space > 0 && space + 1 < line.size()) {
    return {line.substr(0, space), line.substr(space + 1)};
  }
  throw Error(ErrorCode::kCorrupt,
              where + ": expected two tokens with a space between, found " + in_quotes(line));
}

}  // namespace

BpeMergeReader::BpeMergeReader(const std::vector<std::string>& tokens) {
  ids_.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ids_.emplace(tokens[i], static_cast<std::int32_t>(i));
  }
}

std::int32_t BpeMergeReader::find(std::string_view token, const char* expected,
                                  const std::string& where) const {
  const auto found = ids_.find(token);
  if (found != ids_.end()) return found->second;
  throw Error(ErrorCode::kCorrupt,
              where + ": expected " + expected + " of the vocabulary, found " + in_quotes(token));
}

BpeMerge BpeMergeReader::read(std::string_view left, std::string_view right,
                              const std::string& where) const {
  std::string joined(left);
  joined += right;
  return {.left = find(left, "a token", where),
          .right = find(right, "a token", where),
          .joined = find(joined, "a rule that makes a token", where)};
}

std::vector<BpeMerge> read_merges(std::string_view lines, const std::vector<std::string>& tokens,
                                  const std::string& where) {
  const BpeMergeReader reader(tokens);
  std::vector<BpeMerge> merges;
  for (std::size_t number = 1; !lines.empty(); ++number) {
    const std::size_t newline = lines.find('\n');
    std::string_view line = lines.substr(0, newline);
    lines.remove_prefix(newline == std::string_view::npos ? lines.size() : newline + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("#version") && number == 1) continue;
    if (line.empty() && lines.empty()) break;
    const std::string place = where + ": line " + std::to_string(number);
    const auto [left, right] = split_rule(line, place);
    merges.push_back(reader.read(left, right, place));
  }
  return merges;
}

BpeTables load_bpe_tables(const std::filesystem::path& model_dir) {
  const std::filesystem::path path = model_dir / "vocab.json";
  const nlohmann::json document = load_json(path);
  BpeTables tables;
  tables.tokens = read_tokens({document, path.string()});
  require_no_holes(tables.tokens, path.string());
  const std::filesystem::path merges = model_dir / "merges.txt";
  tables.merges = read_merges(read_text(merges), tables.tokens, merges.string());
  return tables;
}

}  // namespace deformer
