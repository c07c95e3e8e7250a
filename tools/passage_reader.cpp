#include "tools/passage_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "base/quote.h"
#include "deformer/squad.h"
#include "tools/failure.h"
#include "tools/input.h"
#include "tools/jsonl_request.h"

namespace deformer::tools {
namespace {

namespace fs = std::filesystem;

PassageReader read_listed(std::vector<Passage> passages) {
  const std::size_t total = passages.size();
  auto next = [passages = std::move(passages), begin = std::size_t{0}](std::size_t most) mutable {
    const std::size_t end = begin + std::min(most, passages.size() - begin);
    const auto first = std::make_move_iterator(passages.begin());
    std::vector<Passage> batch(first + static_cast<std::ptrdiff_t>(begin),
                               first + static_cast<std::ptrdiff_t>(end));
    begin = end;
    return batch;
  };
  return {std::move(next), total};
}

// Texts under their content ids, each once.
class UniquePassages {
 public:
  explicit UniquePassages(Shard shard) : shard_(shard) {}

  void add(std::string text) {
    std::string id = content_id(text);
    if (!seen_.insert(id).second || !shard_.has(number_++)) return;
    passages_.push_back({std::move(id), std::move(text)});
  }
  PassageReader take() { return read_listed(std::move(passages_)); }

 private:
  Shard shard_;
  std::set<std::string> seen_;
  std::size_t number_ = 0;
  std::vector<Passage> passages_;
};

// Passages of lines, each once. Hashes of ids and texts are kept, some 50 bytes a passage.
class NamedPassages {
 public:
  // Absent for one that came before. Throws for another text under its id: which of the two a store
  // would keep depends on the lines between them.
  std::optional<Passage> parse(const LineReader::Line& line, const std::string& file) {
    const std::string where = file + ": line " + std::to_string(line.number);
    require_whole(line, where);
    Passage passage = parse_jsonl_passage(line.text, where);
    const std::uint64_t text = hash64(passage.text);
    const auto [known, is_new] = seen_.try_emplace(hash64(passage.id), Seen{text, line.number});
    if (is_new) return passage;
    if (known->second.text == text) return std::nullopt;
    throw invalid(where + ": id " + in_quotes(passage.id) + ": expected the text of line " +
                  std::to_string(known->second.line) + ", found another");
  }

 private:
  struct Seen {
    std::uint64_t text = 0;
    std::size_t line = 0;
  };
  std::unordered_map<std::uint64_t, Seen> seen_;  // by the id's hash
};

std::size_t parse_number(std::string_view digits) {
  std::size_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size() ? number : 0;
}

}  // namespace

Shard parse_shard(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string::npos) {
    const Shard shard{parse_number(std::string_view(text).substr(0, slash)),
                      parse_number(std::string_view(text).substr(slash + 1))};
    if (shard.index >= 1 && shard.index <= shard.count) return shard;
  }
  throw invalid("--shard: expected I/N with I from 1 to N, found \"" + text + "\"");
}

PassageReader read_squad_passages(const std::string& path, Shard shard) {
  SquadDataset dataset = load_squad(path, SquadUse::kPassages);
  UniquePassages passages(shard);
  for (SquadArticle& article : dataset.articles) {
    for (SquadParagraph& paragraph : article.paragraphs) passages.add(std::move(paragraph.context));
  }
  return passages.take();
}

PassageReader read_data_passages(const KnownDataset& form, const std::string& path, Shard shard) {
  UniquePassages passages(shard);
  Dataset dataset = form.load(path);
  for (DatasetPassage& passage : dataset.passages) {
    if (!passage.text.empty()) passages.add(std::move(passage.text));
  }
  return passages.take();
}

PassageReader read_jsonl_passages(const std::string& path, Shard shard) {
  const auto lines = std::make_shared<LineReader>(path);
  const auto passages = std::make_shared<NamedPassages>();
  const auto next = [lines, passages, shard, number = std::size_t{0}](std::size_t most) mutable {
    std::vector<Passage> batch;
    const auto add = [&](const LineReader::Line& line) {
      if (is_blank_line(line.text) && !line.too_long) return;
      if (!shard.has(number++)) return;
      auto passage = passages->parse(line, lines->input().name());
      if (passage) batch.push_back(*std::move(passage));
    };
    while (batch.empty()) {
      const auto read = lines->next_batch(most);
      if (read.empty()) break;
      std::for_each(read.begin(), read.end(), add);
    }
    return batch;
  };
  return {next, 0};
}

PassageReader read_text_files(const std::string& directory, Shard shard) {
  std::vector<std::string> names;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      names.push_back(entry.path().lexically_relative(directory).generic_string());
    }
  } catch (const fs::filesystem_error& error) {
    const bool absent = error.code() == std::errc::no_such_file_or_directory;
    throw Error(absent ? ErrorCode::kNotFound : ErrorCode::kIo,
                directory + ": cannot list: " + error.code().message());
  }
  std::sort(names.begin(), names.end());
  const auto bad = std::find_if(names.begin(), names.end(),
                                [](const auto& name) { return name.size() > kMaxIdBytes; });
  if (bad != names.end()) {
    throw invalid(directory + ": expected names of at most " + std::to_string(kMaxIdBytes) +
                  " bytes, found " + in_quotes(*bad));
  }
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (shard.has(i)) kept.push_back(std::move(names[i]));
  }
  const std::size_t total = kept.size();
  auto next = [directory = fs::path(directory), names = std::move(kept),
               begin = std::size_t{0}](std::size_t most) mutable {
    std::vector<Passage> batch;
    std::size_t bytes = 0;
    while (batch.size() < most && bytes < LineReader::kMaxBatchBytes && begin < names.size()) {
      const std::string& name = names[begin++];
      batch.push_back({name, read_text((directory / name).string())});
      bytes += batch.back().text.size();
    }
    return batch;
  };
  return {std::move(next), total};
}

}  // namespace deformer::tools
