#include "serve/answer_json.h"

#include <nlohmann/json.hpp>

namespace deformer::serve {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json answer_object(const Answer& answer) {
  Json object;
  object["text"] = answer.text;
  if (answer.no_answer) {
    object["no_answer"] = true;
  } else {
    object["passage_id"] = answer.passage_id;
    object["start"] = answer.start;
    object["end"] = answer.end;
    object["byte_start"] = answer.bytes.begin;
    object["byte_end"] = answer.bytes.end;
  }
  object["score"] = answer.score;
  object["probability"] = answer.probability;
  return object;
}

Json answer_objects(const QaResult& result) {
  Json array = Json::array();
  for (const Answer& answer : result.answers) array.push_back(answer_object(answer));
  return array;
}

// As the first key; the id's text is kept as it is, because no type of this program holds every
// number.
std::string line_with_id(const std::string& id_json, const Json& object) {
  const std::string text = dump(object) + "\n";
  return id_json.empty() ? text : "{\"id\":" + id_json + "," + text.substr(1);
}

}  // namespace

std::string json_string(std::string_view text) {
  return dump(Json(text));
}

std::string result_line(const QaResult& result, const LineFields& fields) {
  Json line;
  if (!fields.question.empty()) line["question"] = fields.question;
  line["answers"] = answer_objects(result);
  if (fields.no_answer_score && result.no_answer_score) {
    line["no_answer_score"] = *result.no_answer_score;
  }
  line["question_cut"] = result.question_cut;
  const std::string text = line_with_id(fields.id_json, line);
  return fields.timing && result.times ? with_timing(text, *result.times) : text;
}

std::string with_timing(const std::string& line, const RequestTimes& times) {
  constexpr double kMs = 1000;
  Json object;
  object["wait_ms"] = kMs * times.wait;
  object["tokenize_ms"] = kMs * times.tokenize;
  object["read_ms"] = kMs * times.read;
  object["lower_ms"] = kMs * times.lower;
  object["upper_ms"] = kMs * times.upper;
  object["total_ms"] = kMs * times.total;
  return line.substr(0, line.rfind('}')) + ",\"timing\":" + dump(object) + "}\n";
}

std::string error_line(std::size_t line, std::string_view message, const std::string& id_json) {
  Json object;
  object["line"] = line;
  object["error"] = message;
  return line_with_id(id_json, object);
}

std::string answers_array(const QaResult& result) {
  return dump(answer_objects(result));
}

}  // namespace deformer::serve
