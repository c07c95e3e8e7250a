#include "serve/response_json.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "deformer/dataset.h"
#include "deformer/runtime.h"
#include "serve/answer_json.h"

namespace deformer::serve {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string label_line(const std::vector<std::string>& names, std::size_t best,
                       const std::vector<double>& probabilities, const PairCuts& cut) {
  Json line;
  line["label"] = names.at(best);
  for (std::size_t i = 0; i < names.size(); ++i) {
    line["probabilities"][names[i]] = probabilities.at(i);
  }
  line["question_cut"] = cut.question;
  line["passage_cut"] = cut.passage;
  return dump(line) + "\n";
}

std::string with_id(const std::string& id_json, const std::string& line) {
  return id_json.empty() ? line : "{\"id\":" + id_json + "," + line.substr(1);
}

}  // namespace

std::string class_line(const std::vector<std::string>& labels, const PairResult& result,
                       const std::string& id_json) {
  return with_id(id_json, label_line(labels, static_cast<std::size_t>(result.label),
                                     result.probabilities, result.cut));
}

std::string choice_line(const ChoiceResult& result, const std::string& id_json) {
  const std::size_t count = result.probabilities.size();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(option_name(i, count));
  return with_id(id_json, label_line(names, static_cast<std::size_t>(result.choice),
                                     result.probabilities, result.cut));
}

std::string hugging_face_body(const QaResult& result, bool as_list) {
  Json list = Json::array();
  for (const Answer& answer : result.answers) {
    Json object;
    object["score"] = answer.probability;
    object["start"] = answer.start;
    object["end"] = answer.end;
    object["answer"] = answer.text;
    list.push_back(std::move(object));
  }
  if (as_list) return dump(list) + "\n";
  // A context without a word has no answer, and clients expect one object.
  if (list.empty())
    return R"({"score":0.0,"start":0,"end":0,"answer":""})"
           "\n";
  return dump(list.front()) + "\n";
}

std::string passage_line(const StoredPassage& passage) {
  Json object;
  object["id"] = passage.id;
  object["text"] = passage.text;
  object["tokens"] = passage.tokens;
  object["windows"] = passage.windows;
  return dump(object) + "\n";
}

std::string passage_list(const PassageList& list) {
  Json object;
  object["passages"] = Json::array();
  for (const std::string& id : list.ids) object["passages"].push_back({{"id", id}});
  if (!list.next.empty()) object["next"] = list.next;
  return dump(object) + "\n";
}

std::string info_line(const ServiceDescription& description, TaskKind kind,
                      const std::vector<std::string>& labels) {
  Json object;
  object["version"] = version();
  object["task"] = to_string(kind);
  if (kind == TaskKind::kClasses) object["labels"] = labels;
  object["layers"] = description.layers;
  object["split_layer"] = description.split_layer;
  if (const auto& store = description.store) {
    Json& told = object["store"];
    told["engine"] = store->engine;
    told["passages"] = store->passages;
    if (store->bytes) told["bytes"] = *store->bytes;
  }
  return dump(object) + "\n";
}

std::string put_line(const std::string& id, bool encoded) {
  Json object;
  object["id"] = id;
  object["encoded"] = encoded;
  return dump(object) + "\n";
}

std::string stored_line(const std::string& id) {
  Json object;
  object["id"] = id;
  object["stored"] = true;
  return dump(object) + "\n";
}

std::string fault_line(std::size_t line, const ApiError& error, const std::string& id_json) {
  return with_id(id_json,
                 "{\"line\":" + std::to_string(line) + ",\"error\":" + error_object(error) + "}\n");
}

}  // namespace deformer::serve
