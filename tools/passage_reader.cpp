#include "tools/passage_reader.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <utility>

#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "deformer/squad.h"
#include "tools/input.h"
#include "tools/jsonl_request.h"

namespace deformer::tools {
namespace {

namespace fs = std::filesystem;

class ListedPassages : public PassageReader {
 public:
  explicit ListedPassages(std::vector<Passage> passages) : passages_(std::move(passages)) {}

  std::vector<Passage> next(std::size_t most) override {
    std::vector<Passage> batch;
    while (batch.size() < most && next_ < passages_.size()) {
      batch.push_back(std::move(passages_[next_++]));
    }
    return batch;
  }
  std::size_t total() const override { return passages_.size(); }

 private:
  std::vector<Passage> passages_;
  std::size_t next_ = 0;
};

// Texts under their content ids, each once.
class UniquePassages {
 public:
  explicit UniquePassages(Shard shard) : shard_(shard) {}

  void add(std::string text) {
    std::string id = content_id(text);
    if (!seen_.insert(id).second || !shard_.has(number_++)) return;
    passages_.push_back({std::move(id), std::move(text)});
  }
  std::unique_ptr<PassageReader> take() {
    return std::make_unique<ListedPassages>(std::move(passages_));
  }

 private:
  Shard shard_;
  std::set<std::string> seen_;
  std::size_t number_ = 0;
  std::vector<Passage> passages_;
};

class JsonlPassages : public PassageReader {
 public:
  JsonlPassages(const std::string& path, Shard shard) : lines_(path), shard_(shard) {}

  std::vector<Passage> next(std::size_t most) override {
    std::vector<Passage> batch;
    while (batch.empty()) {
      const auto lines = lines_.next_batch(most);
      if (lines.empty()) break;
      for (const LineReader::Line& line : lines) {
        if (is_blank_line(line.text) && !line.too_long) continue;
        if (!shard_.has(number_++)) continue;
        batch.push_back(parse(line));
      }
    }
    return batch;
  }
  std::size_t total() const override { return 0; }

 private:
  Passage parse(const LineReader::Line& line) const {
    const std::string where = lines_.input().name() + ": line " + std::to_string(line.number);
    require_whole(line, where);
    return parse_jsonl_passage(line.text, where);
  }

  LineReader lines_;
  Shard shard_;
  std::size_t number_ = 0;
};

class TextFiles : public PassageReader {
 public:
  TextFiles(fs::path directory, std::vector<std::string> names)
      : directory_(std::move(directory)), names_(std::move(names)) {}

  std::vector<Passage> next(std::size_t most) override {
    std::vector<Passage> batch;
    std::size_t bytes = 0;
    while (batch.size() < most && bytes < LineReader::kMaxBatchBytes && next_ < names_.size()) {
      const std::string& name = names_[next_++];
      batch.push_back({name, read_text((directory_ / name).string())});
      bytes += batch.back().text.size();
    }
    return batch;
  }
  std::size_t total() const override { return names_.size(); }

 private:
  fs::path directory_;
  std::vector<std::string> names_;
  std::size_t next_ = 0;
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
  throw Error(ErrorCode::kInvalidArgument,
              "--shard: expected I/N with I from 1 to N, found \"" + text + "\"");
}

std::unique_ptr<PassageReader> read_squad_passages(const std::string& path, Shard shard) {
  SquadDataset dataset = load_squad(path, SquadUse::kPassages);
  UniquePassages passages(shard);
  for (SquadArticle& article : dataset.articles) {
    for (SquadParagraph& paragraph : article.paragraphs) passages.add(std::move(paragraph.context));
  }
  return passages.take();
}

std::unique_ptr<PassageReader> read_data_passages(const KnownDataset& form, const std::string& path,
                                                  Shard shard) {
  UniquePassages passages(shard);
  Dataset dataset = form.load(path);
  for (DatasetPassage& passage : dataset.passages) {
    if (!passage.text.empty()) passages.add(std::move(passage.text));
  }
  return passages.take();
}

std::unique_ptr<PassageReader> read_jsonl_passages(const std::string& path, Shard shard) {
  return std::make_unique<JsonlPassages>(path, shard);
}

std::unique_ptr<PassageReader> read_text_files(const std::string& directory, Shard shard) {
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
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (shard.has(i)) kept.push_back(std::move(names[i]));
  }
  return std::make_unique<TextFiles>(directory, std::move(kept));
}

}  // namespace deformer::tools
