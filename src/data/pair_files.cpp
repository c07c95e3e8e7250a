// BoolQ's JSON Lines, and the tables of MNLI and QQP.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/quote.h"
#include "data/readers.h"
#include "deformer/error.h"
#include "deformer/known_datasets.h"

namespace deformer {
namespace {

// An empty one of a known data set's.
Dataset start(const char* name) {
  const KnownDataset& known = known_dataset(name);
  return {.name = known.task.name,
          .kind = known.task.kind,
          .labels = known.task.labels,
          .positive_label = known.positive_label};
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

// The form of a table.
struct TableForm {
  const char* name;
  ColumnNames columns;
  /// Where the columns are in a file without a header; absent: there has to be one.
  std::optional<TableColumns> without_header;
  bool skips_torn_rows;
  Target (*read_label)(std::string_view text, const std::string& where);
};

std::optional<TableColumns> columns_of_header(const std::vector<std::string_view>& header,
                                              const ColumnNames& names) {
  const Column passage = find_column(header, names.passage);
  const Column question = find_column(header, names.question);
  if (!passage || !question) return std::nullopt;
  return TableColumns{header.size(), *passage, *question, find_column(header, names.label),
                      find_column(header, names.id)};
}

Target read_mnli_label(std::string_view text, const std::string& where) {
  // The annotators did not agree.
  if (text == "-") return {};
  const std::vector<std::string>& labels = known_dataset("mnli").task.labels;
  const auto found = std::find(labels.begin(), labels.end(), text);
  if (found == labels.end()) {
    fail_reading(where, "a label entailment, neutral or contradiction", in_quotes(text));
  }
  return static_cast<int>(found - labels.begin());
}

Target read_qqp_label(std::string_view text, const std::string& where) {
  if (text == "0" || text == "1") return text.front() - '0';
  fail_reading(where, "is_duplicate 0 or 1", in_quotes(text));
}

const TableForm kMnli{
    .name = "mnli",
    .columns = {"sentence1", "sentence2", "gold_label", "index"},
    .without_header = TableColumns{.count = 3, .passage = 1, .question = 2, .label = 0, .id = {}},
    .skips_torn_rows = false,
    .read_label = read_mnli_label};
const TableForm kQqp{.name = "qqp",
                     .columns = {"question1", "question2", "is_duplicate", "id"},
                     .without_header = {},
                     .skips_torn_rows = true,
                     .read_label = read_qqp_label};

class TableReader {
 public:
  TableReader(const TableForm& form, std::string file)
      : form_(form), file_(std::move(file)), dataset_(start(form.name)) {}

  Dataset read(std::string_view text) {
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
    columns_ = columns_of_header(line, form_.columns);
    if (columns_) return true;
    if (!form_.without_header) {
      fail_reading(in_line(file_, number),
                   std::string("a header with the columns ") + form_.columns.passage + " and " +
                       form_.columns.question,
                   "one without");
    }
    columns_ = form_.without_header;
    return false;
  }

  void read_row(const std::vector<std::string_view>& row, std::size_t number) {
    const std::string where = in_line(file_, number);
    if (row.size() < columns_->count && form_.skips_torn_rows) {
      ++dataset_.skipped;
      return;
    }
    if (row.size() != columns_->count) {
      fail_reading(where, std::to_string(columns_->count) + " columns", std::to_string(row.size()));
    }
    Example example;
    example.id =
        columns_->id ? std::string(row[*columns_->id]) : std::to_string(dataset_.examples.size());
    example.numeric_id = !columns_->id;
    example.questions.emplace_back(row[columns_->question]);
    example.passage = passages_.add(std::string(row[columns_->passage]));
    if (columns_->label) example.target = form_.read_label(row[*columns_->label], where);
    dataset_.examples.push_back(std::move(example));
  }

  const TableForm& form_;
  std::string file_;
  std::optional<TableColumns> columns_;
  Dataset dataset_;
  PassageTable passages_{dataset_};
};

Target read_boolq_label(const JsonPlace& line) {
  for (const char* key : {"label", "answer"}) {
    const std::optional<JsonPlace> place = line.find(key);
    if (!place) continue;
    if (!place->value().is_number()) return static_cast<int>(place->as_bool());
    const std::int64_t number = place->as_integer();
    if (number != 0 && number != 1) fail_reading(place->where(), "0 or 1", std::to_string(number));
    return static_cast<int>(number);
  }
  return {};
}

}  // namespace

Dataset load_boolq(const std::filesystem::path& path) {
  const std::string file = path.string();
  Dataset dataset = start("boolq");
  PassageTable passages(dataset);
  for_each_line(read_data_file(path), file, [&](std::string_view line, std::size_t number) {
    if (is_blank(line)) return;
    const nlohmann::json document = parse_json(line, in_line(file, number), JsonText::kLine);
    const JsonPlace place(document, in_line(file, number));
    Example example;
    set_id(place.find("idx"), dataset.examples.size(), example);
    example.questions.push_back(place.at("question").as_string());
    example.passage = passages.add(place.at("passage").as_string());
    example.target = read_boolq_label(place);
    dataset.examples.push_back(std::move(example));
  });
  return dataset;
}

Dataset load_mnli(const std::filesystem::path& path) {
  return TableReader(kMnli, path.string()).read(read_data_file(path));
}

Dataset load_qqp(const std::filesystem::path& path) {
  return TableReader(kQqp, path.string()).read(read_data_file(path));
}

}  // namespace deformer
