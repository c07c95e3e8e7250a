#include "deformer/predictions.h"

#include <cmath>
#include <functional>
#include <string_view>
#include <unordered_set>

#include "base/file.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/quote.h"
#include "data/readers.h"
#include "deformer/error.h"

namespace deformer {
namespace {

using nlohmann::json;

// The members of one object, in order and with duplicate keys, which a json value would lose. A
// derived class takes the values of its own type; all others are errors.
class MemberReader : public JsonEvents {
 public:
  MemberReader(const std::string& text, const std::filesystem::path& path, const char* expected)
      : JsonEvents(text, path.string()), expected_(expected) {}

  bool null() override { reject(json()); }
  bool boolean(bool value) override { reject(value); }
  bool number_integer(number_integer_t value) override { reject(value); }
  bool number_unsigned(number_unsigned_t value) override { reject(value); }
  bool number_float(number_float_t value, const string_t& /*text*/) override { reject(value); }
  bool string(string_t& value) override { reject(value); }
  bool start_array(std::size_t /*size*/) override { reject(json::array()); }
  bool end_array() override { return true; }
  bool end_object() override { return true; }

  bool start_object(std::size_t /*size*/) override {
    if (inside_) reject(json::object());
    inside_ = true;
    return true;
  }

  bool key(string_t& id) override {
    if (!ids_.insert(id).second) fail(in_quotes(id), "one value", "two");
    id_ = std::move(id);
    return true;
  }

 protected:
  // The id of the value that has just been read.
  std::string take_id(const json& value) {
    if (!inside_) reject(value);
    return std::move(id_);
  }

 private:
  [[noreturn]] void reject(const json& value) const {
    if (!inside_) {
      throw Error(ErrorCode::kCorrupt,
                  where() + ": expected an object, found " + json_type_name(value));
    }
    fail(in_quotes(id_), expected_, json_type_name(value));
  }

  [[noreturn]] void fail(const std::string& id, const char* expected, const char* found) const {
    throw Error(ErrorCode::kCorrupt,
                where() + ": " + id + ": expected " + expected + ", found " + found);
  }

  const char* expected_;
  bool inside_ = false;
  std::string id_;
  std::unordered_set<std::string> ids_;
};

class PredictionReader final : public MemberReader {
 public:
  PredictionReader(const std::string& text, const std::filesystem::path& path)
      : MemberReader(text, path, "a string") {}

  bool string(string_t& value) override {
    std::string id = take_id(value);
    predictions.emplace(std::move(id), std::move(value));
    return true;
  }

  Predictions predictions;
};

class NoAnswerScoreReader final : public MemberReader {
 public:
  NoAnswerScoreReader(const std::string& text, const std::filesystem::path& path)
      : MemberReader(text, path, "a number") {}

  bool number_integer(number_integer_t value) override { return add(static_cast<double>(value)); }
  bool number_unsigned(number_unsigned_t value) override { return add(static_cast<double>(value)); }
  bool number_float(number_float_t value, const string_t& /*text*/) override { return add(value); }

  NoAnswerScores scores;

 private:
  bool add(double value) {
    scores.emplace_back(take_id(value), value);
    return true;
  }
};

// One member a line; `format_value` gives a value's JSON text.
template <typename Value>
std::string format_members(const std::vector<std::pair<std::string, Value>>& members,
                           const std::function<std::string(const Value&)>& format_value) {
  std::unordered_set<std::string_view> ids;
  std::string text = "{";
  for (const auto& [id, value] : members) {
    const auto fail = [&id = id](const std::string& problem) {
      throw Error(ErrorCode::kInvalidArgument, "question " + in_quotes(id) + ": " + problem);
    };
    if (!ids.insert(id).second) fail("expected one value, found two");
    try {
      text += (text.size() == 1 ? "\n  " : ",\n  ") + json(id).dump() + ": " + format_value(value);
    } catch (const json::type_error&) {
      fail("expected UTF-8 in id and answer, found a malformed sequence");
    }
  }
  return text + (members.empty() ? "}\n" : "\n}\n");
}

// What such a reader gathers from the file.
template <typename Reader, typename Members>
Members load_members(const std::filesystem::path& path, Members Reader::*members) {
  return guard_entry(path.native(), [&] {
    const std::string text = read_data_file(path);
    Reader reader(text, path);
    reader.parse();
    return std::move(reader.*members);
  });
}

}  // namespace

Predictions load_predictions(const std::filesystem::path& path) {
  return load_members(path, &PredictionReader::predictions);
}

NoAnswerScores load_no_answer_scores(const std::filesystem::path& path) {
  return load_members(path, &NoAnswerScoreReader::scores);
}

std::string format_predictions(const PredictionList& predictions) {
  return format_members<std::string>(predictions,
                                     [](const std::string& value) { return json(value).dump(); });
}

std::string format_no_answer_scores(const NoAnswerScores& scores) {
  for (const auto& [id, value] : scores) {
    if (std::isfinite(value)) continue;
    throw Error(ErrorCode::kInvalidArgument, "question " + in_quotes(id) +
                                                 ": expected a finite no-answer score, found " +
                                                 std::to_string(value));
  }
  return format_members<double>(scores, [](double value) { return json(value).dump(); });
}

void write_predictions(const std::filesystem::path& path, const PredictionList& predictions) {
  write_file(path, format_predictions(predictions));
}

void write_no_answer_scores(const std::filesystem::path& path, const NoAnswerScores& scores) {
  write_file(path, format_no_answer_scores(scores));
}

}  // namespace deformer
