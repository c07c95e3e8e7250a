#include "serve/request_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/json.h"
#include "deformer/dataset.h"
#include "deformer/error.h"
#include "serve/api_error.h"
#include "serve/message.h"

namespace deformer::serve {
namespace {

// Of Hugging Face's lengths in tokens.
constexpr std::int64_t kMaxParameter = 1'000'000;

[[noreturn]] void fail(const std::string& field, const std::string& message) {
  throw ApiFault({400, "invalid_request", (field.empty() ? "" : field + ": ") + message, field});
}

[[noreturn]] void fail_type(const std::string& field, const char* expected,
                            const nlohmann::json& found) {
  fail(field, std::string("expected ") + expected + ", found " + found.type_name());
}

nlohmann::json parse(std::string_view text, const std::string& where, JsonText kind) {
  try {
    return parse_json(text, where, kind);
  } catch (const Error& error) {
    throw ApiFault({400, "invalid_json", error.what()});
  }
}

nlohmann::json parse_document(std::string_view text) {
  return parse(text, "request", JsonText::kDocument);
}

// A line of a stream; its number is told beside its fault.
nlohmann::json parse_line(std::string_view text) {
  return parse(text, "", JsonText::kLine);
}

// An object's fields, taken one by one; finish() refuses what was not asked for, so that a
// misspelt option is no default in silence. Null counts as absent.
class Fields {
 public:
  Fields(const nlohmann::json& object, std::string path) : object_(object), path_(std::move(path)) {
    if (!object.is_object()) fail_type(path_, "an object", object);
  }

  const nlohmann::json* find(const char* key) {
    known_.emplace_back(key);
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  const nlohmann::json& require(const char* key) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) fail(place(key), "expected a value, found none");
    return *value;
  }
  const std::string* find_string(const char* key) {
    const nlohmann::json* const value = find(key);
    return value == nullptr ? nullptr : &as_string(*value, place(key));
  }
  const std::string& require_string(const char* key) { return as_string(require(key), place(key)); }

  bool flag(const char* key, bool otherwise) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) fail_type(place(key), "true or false", *value);
    return value->get<bool>();
  }
  double number(const char* key, double otherwise) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) fail_type(place(key), "a number", *value);
    return value->get<double>();
  }
  std::optional<std::int64_t> whole(const char* key, std::int64_t least, std::int64_t most) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) return std::nullopt;
    const std::string expected =
        "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    if (!value->is_number()) fail_type(place(key), expected.c_str(), *value);
    const double number = value->get<double>();
    if (number != std::floor(number) || number < static_cast<double>(least) ||
        number > static_cast<double>(most)) {
      fail(place(key), "expected " + expected + ", found " + value->dump());
    }
    return static_cast<std::int64_t>(number);
  }
  /// A string, or an integer by its digits.
  std::optional<std::string> passage_id(const char* key) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string() && !value->is_number_integer()) {
      fail_type(place(key), "a string or an integer of at most 64 bits", *value);
    }
    std::string id = value->is_string() ? value->get<std::string>() : value->dump();
    require_id(id, place(key));
    return id;
  }
  std::string id_json(const char* key) {
    const nlohmann::json* const value = find(key);
    if (value == nullptr) return "";
    if (!value->is_string() && !value->is_number_integer()) {
      fail_type(place(key), "a string or an integer of at most 64 bits", *value);
    }
    return value->dump();
  }

  void finish() const {
    for (const auto& [key, value] : object_.items()) {
      if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
      fail(place(key), "unknown field");
    }
  }
  [[nodiscard]] std::string place(const std::string& key) const {
    return path_.empty() ? key : path_ + "." + key;
  }

  static const std::string& as_string(const nlohmann::json& value, const std::string& field) {
    if (!value.is_string()) fail_type(field, "a string", value);
    return value.get_ref<const std::string&>();
  }
  static void require_id(const std::string& id, const std::string& field) {
    if (id.empty() || id.size() > kMaxIdBytes) {
      fail(field, "expected an id of 1 to " + std::to_string(kMaxIdBytes) + " bytes, found " +
                      std::to_string(id.size()));
    }
  }

 private:
  const nlohmann::json& object_;
  std::string path_;
  std::vector<std::string> known_;
};

void require_length(const std::string& text, std::size_t most, const std::string& field) {
  if (text.size() <= most) return;
  fail(field,
       "expected at most " + std::to_string(most) + " bytes, found " + std::to_string(text.size()));
}

// A question with the choice in it, no longer than a question may be.
std::string fill(const std::string& question, const std::string& choice, std::size_t most,
                 const std::string& field) {
  try {
    return fill_option(question, choice, most);
  } catch (const Error& error) {
    fail(field, error.what());
  }
}

std::string take_question(Fields& fields, const char* key, const RequestLimits& limits) {
  const std::string& question = fields.require_string(key);
  require_length(question, limits.question_bytes, fields.place(key));
  return question;
}

// Null where there is none.
const std::string* find_passage_text(Fields& fields, const char* key, const RequestLimits& limits) {
  const std::string* const text = fields.find_string(key);
  if (text != nullptr) require_length(*text, limits.passage_bytes, fields.place(key));
  return text;
}

const std::string& require_passage_text(Fields& fields, const char* key,
                                        const RequestLimits& limits) {
  const std::string& text = fields.require_string(key);
  require_length(text, limits.passage_bytes, fields.place(key));
  return text;
}

void add_passage(const std::optional<std::string>& id, const std::string* text,
                 std::vector<Passage>& passages) {
  if (text != nullptr && text->empty()) return;
  passages.push_back({id.value_or(""), text == nullptr ? "" : *text});
}

// "passage" and "passage_id"; false when the object has neither.
bool take_one_passage(Fields& fields, const RequestLimits& limits, std::vector<Passage>& passages) {
  const std::string* const text = find_passage_text(fields, "passage", limits);
  const std::optional<std::string> id = fields.passage_id("passage_id");
  if (text == nullptr && !id) return false;
  add_passage(id, text, passages);
  return true;
}

// Gives the place to name when the store lacks one: which it is can be said where one alone is to
// come from there.
std::string take_passage_list(const nlohmann::json& list, const RequestLimits& limits,
                              std::vector<Passage>& passages) {
  const std::size_t most = limits.passages;
  if (!list.is_array()) fail_type("passages", "an array", list);
  if (list.empty() || list.size() > most) {
    fail("passages", "expected 1 to " + std::to_string(most) + " passages, found " +
                         std::to_string(list.size()));
  }
  std::vector<std::string> stored;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields entry(list[i], "passages[" + std::to_string(i) + "]");
    const std::optional<std::string> id = entry.passage_id("id");
    const std::string* const text = find_passage_text(entry, "text", limits);
    if (!id && text == nullptr) fail(entry.place("text"), "expected a text or an id, found none");
    entry.finish();
    if (text == nullptr) stored.push_back(entry.place("id"));
    add_passage(id, text, passages);
  }
  return stored.size() == 1 ? stored.front() : "passages";
}

std::vector<Passage> take_passages(Fields& fields, const RequestLimits& limits,
                                   QuestionPlaces& places) {
  std::vector<Passage> passages;
  const bool one = take_one_passage(fields, limits, passages);
  const nlohmann::json* const list = fields.find("passages");
  if (one == (list != nullptr)) {
    fail(one ? "passages" : "passage",
         R"(expected either "passages" or "passage" and "passage_id", found )" +
             std::string(one ? "both" : "neither"));
  }
  if (list != nullptr) places.passages = take_passage_list(*list, limits, passages);
  return passages;
}

CallFields take_call_fields(Fields& fields) {
  CallFields call;
  call.id_json = fields.id_json("id");
  if (const auto timeout = fields.whole("timeout_ms", 1, 86'400'000)) {
    call.timeout = std::chrono::milliseconds(*timeout);
  }
  call.timing = fields.flag("timing", false);
  return call;
}

AnswerOptions take_parameters(Fields& fields, AnswerOptions options) {
  const nlohmann::json* const given = fields.find("parameters");
  if (given == nullptr) return options;
  Fields parameters(*given, "parameters");
  // Both spellings are in use: the pipeline's was "topk" before.
  for (const char* const key : {"top_k", "topk"}) {
    const auto top_k = parameters.whole(key, 1, kMaxTopK);
    if (top_k) options.top_k = static_cast<std::size_t>(*top_k);
  }
  const auto tokens = parameters.whole("max_answer_len", 1, kMaxParameter);
  if (tokens) options.max_answer_tokens = static_cast<int>(*tokens);
  options.align_to_words = parameters.flag("align_to_words", options.align_to_words);
  options.allow_no_answer = parameters.flag("handle_impossible_answer", options.allow_no_answer);
  // Windows and the longest question are the model's own: stored passages depend on them.
  for (const char* const key : {"doc_stride", "max_seq_len", "max_question_len"}) {
    static_cast<void>(parameters.whole(key, 1, kMaxParameter));
  }
  parameters.finish();
  return options;
}

AnswerCall answer_call_of(const nlohmann::json& document, const AnswerOptions& defaults,
                          const RequestLimits& limits) {
  Fields fields(document, "");
  AnswerCall call;
  call.fields = take_call_fields(fields);
  call.request.question = take_question(fields, "question", limits);
  call.request.passages = take_passages(fields, limits, call.fields.places);
  AnswerOptions options = defaults;
  if (const auto top_k = fields.whole("top_k", 1, kMaxTopK)) {
    options.top_k = static_cast<std::size_t>(*top_k);
  }
  if (const auto tokens = fields.whole("max_answer_tokens", 0, std::numeric_limits<int>::max())) {
    options.max_answer_tokens = static_cast<int>(*tokens);
  }
  options.align_to_words = fields.flag("align_to_words", options.align_to_words);
  options.allow_no_answer = fields.flag("no_answer", options.allow_no_answer);
  options.no_answer_threshold = fields.number("no_answer_threshold", options.no_answer_threshold);
  const auto threshold = document.find("no_answer_threshold");
  if (!options.allow_no_answer && threshold != document.end() && !threshold->is_null()) {
    fail("no_answer_threshold", "expected it with no_answer alone, found it without");
  }
  fields.finish();
  call.request.options = options;
  return call;
}

const std::string& part_of_id(const std::string& value, const std::string& field) {
  require_length(value, kMaxIdBytes, field);
  return value;
}

std::size_t list_limit(const std::string& value) {
  std::size_t limit = 0;
  const char* const end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, limit);
  if (read.ec != std::errc() || read.ptr != end || limit < 1 || limit > kMostListed) {
    fail("limit", "expected a whole number from 1 to " + std::to_string(kMostListed) +
                      ", found \"" + value + "\"");
  }
  return limit;
}

}  // namespace

AnswerCall parse_answer_call(std::string_view json, const AnswerOptions& defaults,
                             const RequestLimits& limits) {
  return answer_call_of(parse_document(json), defaults, limits);
}

AnswerCall parse_answer_line(std::string_view line, const AnswerOptions& defaults,
                             const RequestLimits& limits) {
  return answer_call_of(parse_line(line), defaults, limits);
}

ClassifyCall parse_classify_call(std::string_view json, TaskKind kind,
                                 const RequestLimits& limits) {
  const nlohmann::json document = parse_document(json);
  Fields fields(document, "");
  ClassifyCall call;
  call.fields = take_call_fields(fields);
  const std::string question = take_question(fields, "question", limits);
  std::vector<Passage> passages;
  if (!take_one_passage(fields, limits, passages)) {
    fail("passage", "expected a passage or a passage_id, found neither");
  }
  const Passage passage = passages.empty() ? Passage{} : std::move(passages.front());
  if (kind == TaskKind::kChoice) {
    const nlohmann::json& choices = fields.require("choices");
    if (!choices.is_array()) fail_type("choices", "an array", choices);
    if (choices.empty() || choices.size() > limits.choices) {
      fail("choices", "expected 1 to " + std::to_string(limits.choices) + " choices, found " +
                          std::to_string(choices.size()));
    }
    for (std::size_t i = 0; i < choices.size(); ++i) {
      const std::string place = "choices[" + std::to_string(i) + "]";
      const std::string& choice = Fields::as_string(choices[i], place);
      require_length(choice, limits.question_bytes, place);
      call.choice.choices.push_back(fill(question, choice, limits.question_bytes, place));
    }
    call.choice.passage = passage;
  } else {
    call.pair.question = question;
    call.pair.passage = passage;
  }
  fields.finish();
  return call;
}

HuggingFaceCall parse_hugging_face_call(std::string_view json, const AnswerOptions& defaults,
                                        const RequestLimits& limits) {
  const nlohmann::json document = parse_document(json);
  Fields fields(document, "");
  HuggingFaceCall call;
  Fields inputs(fields.require("inputs"), "inputs");
  call.request.question = take_question(inputs, "question", limits);
  add_passage(std::nullopt, &require_passage_text(inputs, "context", limits),
              call.request.passages);
  inputs.finish();
  call.request.options = take_parameters(fields, defaults);
  // The Hub's clients may send options of the Hub, as "wait_for_model".
  static_cast<void>(fields.find("options"));
  fields.finish();
  call.as_list = call.request.options->top_k > 1;
  return call;
}

Passage parse_passage(std::string_view json, const std::optional<std::string>& id,
                      const RequestLimits& limits) {
  const nlohmann::json document = id ? parse_document(json) : parse_line(json);
  Fields fields(document, "");
  Passage passage;
  if (id) {
    Fields::require_id(*id, "id");
    passage.id = *id;
  } else {
    passage.id = fields.passage_id("id").value_or("");
  }
  passage.text = require_passage_text(fields, "text", limits);
  fields.finish();
  return passage;
}

PassageQuery parse_passage_query(std::string_view query) {
  Headers fields;
  if (!parse_query(query, fields)) fail("", "the query: broken percent escape");
  PassageQuery parsed;
  for (const auto& [name, value] : fields) {
    if (!is_utf8(name + value)) fail("", "the query: expected UTF-8");
    if (name == "prefix") {
      parsed.prefix = part_of_id(value, name);
    } else if (name == "after") {
      parsed.after = part_of_id(value, name);
    } else if (name == "limit") {
      parsed.limit = list_limit(value);
    } else {
      fail(name, "unknown field");
    }
  }
  return parsed;
}

bool is_utf8(std::string_view text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace deformer::serve
