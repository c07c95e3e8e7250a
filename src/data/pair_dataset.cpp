#include "deformer/pair_dataset.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/json.h"
#include "base/stand_in.h"
#include "deformer/error.h"
#include "text/utf8.h"

namespace deformer {
namespace {

std::string in_line(const std::string& file, std::size_t line) {
  return file + ": line " + std::to_string(line);
}

[[noreturn]] void fail(const std::string& where, const std::string& expected,
                       const std::string& found) {
  throw Error(ErrorCode::kCorrupt, where + ": expected " + expected + ", found " + found);
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 40;
  const std::string shown =
      text.size() > kShown ? std::string(text.substr(0, kShown)) + "..." : std::string(text);
  return nlohmann::json(shown).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Calls visit(line, number), numbers from 1, without line feed and carriage return. Each line is
// UTF-8.
template <typename Visit>
void for_each_line(std::string_view text, const std::string& file, Visit&& visit) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!is_valid_utf8(line)) fail(in_line(file, number), "UTF-8", "other bytes");
    visit(line, number);
  }
}

std::vector<std::string_view> split_columns(std::string_view line) {
  std::vector<std::string_view> columns;
  while (true) {
    const std::size_t tab = line.find('\t');
    columns.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return columns;
    line.remove_prefix(tab + 1);
  }
}

using Column = std::optional<std::size_t>;

Column find_column(const std::vector<std::string_view>& header, std::string_view name) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end()) return std::nullopt;
  return static_cast<std::size_t>(found - header.begin());
}

// Where a table keeps what an example needs.
struct TableColumns {
  std::size_t count = 0;
  std::size_t passage = 0;
  std::size_t question = 0;
  Column label;
  Column id;
};

// Names of the columns in the header of GLUE's files.
struct ColumnNames {
  const char* passage;
  const char* question;
  const char* label;
  const char* id;
};
constexpr ColumnNames kMnliColumns{"sentence1", "sentence2", "gold_label", "index"};
constexpr ColumnNames kQqpColumns{"question1", "question2", "is_duplicate", "id"};

std::optional<TableColumns> columns_of_header(const std::vector<std::string_view>& header,
                                              const ColumnNames& names) {
  const Column passage = find_column(header, names.passage);
  const Column question = find_column(header, names.question);
  if (!passage || !question) return std::nullopt;
  return TableColumns{header.size(), *passage, *question, find_column(header, names.label),
                      find_column(header, names.id)};
}

int parse_mnli_label(std::string_view name, const std::string& where) {
  const std::vector<std::string>& names = class_names(Task::kMnli);
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    fail(where, "a label entailment, neutral or contradiction", quoted(name));
  }
  return static_cast<int>(found - names.begin());
}

int parse_qqp_label(std::string_view name, const std::string& where) {
  if (name == "0" || name == "1") return name.front() - '0';
  fail(where, "is_duplicate 0 or 1", quoted(name));
}

class TableReader {
 public:
  TableReader(Task task, std::string file) : file_(std::move(file)) { dataset_.task = task; }

  PairDataset read(std::string_view text) {
    for_each_line(text, file_, [this](std::string_view line, std::size_t number) {
      const std::vector<std::string_view> columns = split_columns(line);
      if (!columns_ && read_header(columns, number)) return;
      if (!line.empty()) read_row(columns, number);
    });
    return std::move(dataset_);
  }

 private:
  // False when the first line is a row already.
  bool read_header(const std::vector<std::string_view>& line, std::size_t number) {
    const bool mnli = dataset_.task == Task::kMnli;
    columns_ = columns_of_header(line, mnli ? kMnliColumns : kQqpColumns);
    if (columns_) return true;
    if (!mnli) {
      fail(in_line(file_, number), "a header with the columns question1 and question2",
           "one without");
    }
    columns_ = TableColumns{.count = 3, .passage = 1, .question = 2, .label = 0, .id = {}};
    return false;
  }

  void read_row(const std::vector<std::string_view>& row, std::size_t number) {
    const std::string where = in_line(file_, number);
    if (row.size() < columns_->count && dataset_.task == Task::kQqp) {
      ++dataset_.skipped;
      return;
    }
    if (row.size() != columns_->count) {
      fail(where, std::to_string(columns_->count) + " columns", std::to_string(row.size()));
    }
    PairExample example;
    example.id =
        columns_->id ? std::string(row[*columns_->id]) : std::to_string(dataset_.examples.size());
    example.passage = row[columns_->passage];
    example.question = row[columns_->question];
    if (columns_->label) example.label = read_label(row[*columns_->label], where);
    dataset_.examples.push_back(std::move(example));
  }

  [[nodiscard]] std::optional<int> read_label(std::string_view name,
                                              const std::string& where) const {
    if (dataset_.task == Task::kQqp) return parse_qqp_label(name, where);
    // The annotators did not agree.
    if (name == "-") return std::nullopt;
    return parse_mnli_label(name, where);
  }

  std::string file_;
  std::optional<TableColumns> columns_;
  PairDataset dataset_;
};

std::optional<int> read_boolq_label(const JsonPlace& line) {
  for (const char* key : {"label", "answer"}) {
    const std::optional<JsonPlace> place = line.find(key);
    if (!place) continue;
    if (!place->value().is_number()) return place->as_bool() ? 1 : 0;
    const std::int64_t number = place->as_integer();
    if (number != 0 && number != 1) fail(place->where(), "0 or 1", std::to_string(number));
    return static_cast<int>(number);
  }
  return std::nullopt;
}

PairDataset read_boolq(std::string_view text, const std::string& file) {
  PairDataset dataset;
  dataset.task = Task::kBoolq;
  for_each_line(text, file, [&](std::string_view line, std::size_t number) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) return;
    const nlohmann::json document = parse_json(line, in_line(file, number));
    const JsonPlace place(document, in_line(file, number));
    PairExample example;
    const std::optional<JsonPlace> id = place.find("idx");
    example.id = id ? id->as_id() : std::to_string(dataset.examples.size());
    example.question = place.at("question").as_string();
    example.passage = place.at("passage").as_string();
    example.label = read_boolq_label(place);
    dataset.examples.push_back(std::move(example));
  });
  return dataset;
}

}  // namespace

bool PairDataset::is_labelled() const noexcept {
  const auto has_label = [](const PairExample& example) { return example.label.has_value(); };
  return !examples.empty() && std::all_of(examples.begin(), examples.end(), has_label);
}

PairDataset load_pair_dataset(Task task, const std::filesystem::path& path) {
  if (class_names(task).empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "task: expected boolq, mnli or qqp, found " + to_string(task));
  }
  const std::string text = read_file(path);
  refuse_stand_in(text, path.string());
  if (task == Task::kBoolq) return read_boolq(text, path.string());
  return TableReader(task, path.string()).read(text);
}

}  // namespace deformer
