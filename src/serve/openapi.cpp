#include "serve/openapi.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "deformer/runtime.h"
#include "serve/message.h"

namespace deformer::serve {
namespace {

using Json = nlohmann::ordered_json;

Json reference(const std::string& name) {
  return {{"$ref", "#/components/schemas/" + name}};
}

Json typed(const char* type, const char* description) {
  return {{"type", type}, {"description", description}};
}

Json or_null(const char* type, const char* description) {
  return {{"type", Json::array({type, "null"})}, {"description", description}};
}

// maxLength counts characters and the service bytes: a text may fit the schema and be refused.
Json limited(Json text, std::size_t bytes) {
  text["description"] =
      text["description"].get<std::string>() + " Its length is counted in bytes of UTF-8.";
  text["maxLength"] = bytes;
  return text;
}

Json whole(std::int64_t least, std::int64_t most, const char* description) {
  Json schema = or_null("integer", description);
  schema["minimum"] = least;
  schema["maximum"] = most;
  return schema;
}

Json closed_object(Json properties, const std::vector<std::string>& required) {
  Json schema;
  schema["type"] = "object";
  schema["properties"] = std::move(properties);
  if (!required.empty()) schema["required"] = required;
  schema["additionalProperties"] = false;
  return schema;
}

Json id_schema(const char* description) {
  return {{"type", Json::array({"string", "integer", "null"})}, {"description", description}};
}

Json question_fields(const ApiOptions& options) {
  Json fields;
  fields["id"] = id_schema("Given back as it is.");
  fields["question"] = limited(typed("string", "The question."), options.limits.question_bytes);
  fields["passage"] = limited(or_null("string", "The text to read."), options.limits.passage_bytes);
  fields["passage_id"] = id_schema("With passage: its id. Alone: a passage of the store.");
  fields["timeout_ms"] = whole(1, 86'400'000, "How long the client waits.");
  fields["timing"] = or_null("boolean", "Say in the response where the time went.");
  return fields;
}

Json answer_request(const ApiOptions& options) {
  Json fields = question_fields(options);
  Json passage;
  passage["id"] = id_schema("Key of the passage; of the store's where there is no text.");
  passage["text"] = limited(or_null("string", "The text to read."), options.limits.passage_bytes);
  fields["passages"] = {{"type", Json::array({"array", "null"})},
                        {"items", closed_object(std::move(passage), {})},
                        {"minItems", 1},
                        {"maxItems", options.limits.passages},
                        {"description", "In place of passage and passage_id: searched together."}};
  fields["top_k"] = whole(1, kMaxTopK, "Answers, best first.");
  fields["max_answer_tokens"] = whole(0, 2'147'483'647, "Longest answer; 0 = the model's own.");
  fields["align_to_words"] = or_null("boolean", "Answers begin and end where words do.");
  fields["no_answer"] = or_null("boolean", "Lets \"no answer\" compete.");
  fields["no_answer_threshold"] = or_null("number", "By how much it has to outscore.");
  return closed_object(std::move(fields), {"question"});
}

Json classify_request(const ApiOptions& options) {
  Json fields = question_fields(options);
  fields["choices"] = {{"type", "array"},
                       {"items", {{"type", "string"}}},
                       {"minItems", 1},
                       {"maxItems", options.limits.choices},
                       {"description", "For models of choices: what to choose among."}};
  return closed_object(std::move(fields), {"question"});
}

Json hugging_face_request(const ApiOptions& options) {
  Json inputs;
  inputs["question"] = limited(typed("string", "The question."), options.limits.question_bytes);
  inputs["context"] = limited(typed("string", "The text to read."), options.limits.passage_bytes);
  Json parameters;
  parameters["top_k"] = whole(1, kMaxTopK, "Answers; more than 1 gives a list.");
  parameters["topk"] = whole(1, kMaxTopK, "The older name of top_k.");
  parameters["max_answer_len"] = whole(1, 1'000'000, "Longest answer in tokens.");
  parameters["align_to_words"] = or_null("boolean", "Answers begin and end where words do.");
  parameters["handle_impossible_answer"] = or_null("boolean", "Lets \"no answer\" compete.");
  for (const char* const key : {"doc_stride", "max_seq_len", "max_question_len"}) {
    parameters[key] = whole(1, 1'000'000, "Taken and not used: the model's own.");
  }
  Json fields;
  fields["inputs"] = closed_object(std::move(inputs), {"question", "context"});
  fields["parameters"] = closed_object(std::move(parameters), {});
  fields["parameters"]["type"] = Json::array({"object", "null"});
  fields["options"] = Json{{"description", "Taken and not used."}};
  return closed_object(std::move(fields), {"inputs"});
}

Json timing() {
  Json fields;
  fields["wait_ms"] = typed("number", "For the batch under way when the request came.");
  fields["tokenize_ms"] = typed("number", "The question, and passages that are not in the store.");
  fields["read_ms"] = typed("number", "Reading the store.");
  fields["lower_ms"] =
      typed("number", "Lower layers: the question, and passages not in the store.");
  fields["upper_ms"] = typed("number", "Upper layers.");
  fields["total_ms"] = typed("number", "From taking the request to its result.");
  std::vector<std::string> all;
  for (const auto& [name, schema] : fields.items()) all.push_back(name);
  Json object = closed_object(std::move(fields), all);
  object["description"] =
      "With timing. The stages are those of the batches that the request had a part in, whole: its "
      "own where nothing else is asked.";
  return object;
}

Json answer_result() {
  Json answer;
  answer["text"] = typed("string", "Cut from the passage; \"\" for no answer.");
  answer["no_answer"] = typed("boolean", "There when it is true.");
  answer["passage_id"] = typed("string", "Of the passage, or its content id.");
  for (const char* const key : {"start", "end", "byte_start", "byte_end"}) {
    answer[key] = typed("integer", "Place in the passage; in code points, or in bytes.");
  }
  answer["score"] = typed("number", "Start logit + end logit.");
  answer["probability"] = typed("number", "Share among all spans.");
  Json fields;
  fields["id"] = id_schema("The request's.");
  fields["answers"] = {
      {"type", "array"},
      {"items", closed_object(std::move(answer), {"text", "score", "probability"})}};
  fields["no_answer_score"] = typed("number", "With no_answer.");
  fields["question_cut"] = typed("boolean", "The question was longer than the model reads.");
  fields["timing"] = reference("Timing");
  return closed_object(std::move(fields), {"answers", "question_cut"});
}

Json class_result() {
  Json fields;
  fields["id"] = id_schema("The request's.");
  fields["label"] = typed("string", "The most probable class or choice.");
  fields["probabilities"] = {{"type", "object"}, {"additionalProperties", {{"type", "number"}}}};
  fields["question_cut"] = typed("boolean", "The question was longer than the model reads.");
  fields["passage_cut"] = typed("boolean", "The passage was longer than the model reads.");
  fields["timing"] = reference("Timing");
  return closed_object(std::move(fields), {"label", "probabilities"});
}

Json hugging_face_result() {
  Json fields;
  fields["answer"] = typed("string", "Cut from the context.");
  fields["score"] = typed("number", "Probability.");
  fields["start"] = typed("integer", "In code points.");
  fields["end"] = typed("integer", "In code points.");
  const Json one = closed_object(std::move(fields), {"answer", "score", "start", "end"});
  return {{"anyOf", Json::array({one, Json{{"type", "array"}, {"items", one}}})}};
}

Json passage_list_schema() {
  Json fields;
  fields["passages"] = {{"type", "array"},
                        {"items", closed_object({{"id", {{"type", "string"}}}}, {"id"})},
                        {"description", "In the store's own order."}};
  fields["next"] = typed("string", "after of the rest; absent at the end.");
  return closed_object(std::move(fields), {"passages"});
}

Json info_schema() {
  Json store;
  store["engine"] = typed("string", "memory, lmdb or redis.");
  store["passages"] = typed("integer", "How many it holds.");
  store["bytes"] = typed("integer", "On disk, where the engine knows.");
  Json fields;
  fields["version"] = typed("string", "Of the program.");
  fields["task"] = typed("string", "span, classes or choice: what the model answers.");
  fields["labels"] = {
      {"type", "array"}, {"items", {{"type", "string"}}}, {"description", "Of classes alone."}};
  fields["layers"] = typed("integer", "Of the model.");
  fields["split_layer"] = typed("integer", "Layers below it read question and passage apart.");
  fields["store"] = closed_object(std::move(store), {"engine", "passages"});
  fields["store"]["description"] = "Absent without a store.";
  return closed_object(std::move(fields), {"version", "task", "layers", "split_layer"});
}

Json schemas(const ApiOptions& options) {
  Json all;
  all["Timing"] = timing();
  all["PassageList"] = passage_list_schema();
  all["Info"] = info_schema();
  all["AnswerRequest"] = answer_request(options);
  all["AnswerResult"] = answer_result();
  all["ClassifyRequest"] = classify_request(options);
  all["ClassResult"] = class_result();
  all["HuggingFaceRequest"] = hugging_face_request(options);
  all["HuggingFaceResult"] = hugging_face_result();
  const Json text = limited(typed("string", "The text to keep."), options.limits.passage_bytes);
  all["PassageText"] = closed_object({{"text", text}}, {"text"});
  all["PassageLine"] = closed_object(
      {{"id", id_schema("Absent: the text's content id.")}, {"text", text}}, {"text"});
  all["StoredPassage"] = closed_object({{"id", {{"type", "string"}}},
                                        {"text", {{"type", "string"}}},
                                        {"tokens", {{"type", "integer"}}},
                                        {"windows", {{"type", "integer"}}}},
                                       {"id", "text", "tokens", "windows"});
  all["PutResult"] = closed_object(
      {{"id", {{"type", "string"}}}, {"encoded", {{"type", "boolean"}}}}, {"id", "encoded"});
  all["Error"] = closed_object({{"error", closed_object({{"code", {{"type", "string"}}},
                                                         {"message", {{"type", "string"}}},
                                                         {"field", {{"type", "string"}}}},
                                                        {"code", "message"})}},
                               {"error"});
  return all;
}

Json content(const char* type, Json schema) {
  return {{type, {{"schema", std::move(schema)}}}};
}

// A 200 with the given content, and errors. Any route may be asked by a request that is malformed,
// slow, or has too long headers or too large a body, wanted or not.
Json responses(Json success, std::set<int> errors) {
  errors.insert({400, 408, 413, 431});
  Json all;
  all["200"] = {{"description", "Done."}, {"content", std::move(success)}};
  for (const int status : errors) {
    all[std::to_string(status)] = {{"description", "See error.code."},
                                   {"content", content(kJsonType, reference("Error"))}};
  }
  return all;
}

Json operation(const char* summary, Json body, Json result) {
  Json one;
  one["summary"] = summary;
  if (!body.is_null()) one["requestBody"] = {{"required", true}, {"content", std::move(body)}};
  one["responses"] = std::move(result);
  return one;
}

Json path_parameter(const char* name) {
  return Json::array({{{"name", name},
                       {"in", "path"},
                       {"required", true},
                       {"schema", {{"type", "string"}, {"minLength", 1}}}}});
}

Json query_parameter(const char* name, const char* description, Json schema) {
  return {
      {"name", name}, {"in", "query"}, {"description", description}, {"schema", std::move(schema)}};
}

// What any route with a body may answer.
std::set<int> body_errors(Access access) {
  std::set<int> errors{401, 404, 411, 415, 421, 429, 500, 503, 504};
  if (access == Access::kWrite) errors.insert(403);
  return errors;
}

void add_passages(Json& paths) {
  Json one;
  one["parameters"] = path_parameter("id");
  one["put"] =
      operation("Encode and store a passage", content(kJsonType, reference("PassageText")),
                responses(content(kJsonType, reference("PutResult")), body_errors(Access::kWrite)));
  one["get"] = operation("A stored passage", nullptr,
                         responses(content(kJsonType, reference("StoredPassage")),
                                   {401, 404, 421, 429, 500, 503, 504}));
  Json erased = responses(Json::object(), {401, 403, 404, 421, 429, 500, 503, 504});
  erased.erase("200");
  erased["204"] = {{"description", "Removed."}};
  one["delete"] = operation("Remove a passage", nullptr, std::move(erased));
  paths["/v1/passages/{id}"] = std::move(one);
  Json listed = operation(
      "Ids of stored passages", nullptr,
      responses(content(kJsonType, reference("PassageList")), {401, 421, 429, 500, 503, 504}));
  const Json id = limited(typed("string", "An id, or what it begins with."), kMaxIdBytes);
  listed["parameters"] = Json::array();
  listed["parameters"].push_back(query_parameter("prefix", "What ids begin with.", id));
  listed["parameters"].push_back(
      query_parameter("after", "Goes on behind this id: next of the list before.", id));
  listed["parameters"].push_back(query_parameter(
      "limit", "Most ids; a list may be shorter and still have a next.",
      {{"type", "integer"}, {"minimum", 1}, {"maximum", kMostListed}, {"default", 100}}));
  paths["/v1/passages"]["get"] = std::move(listed);
  paths["/v1/passages"]["post"] = operation(
      "Encode and store passages, one a line", content(kLinesType, reference("PassageLine")),
      responses(content(kLinesType, Json::object()), body_errors(Access::kWrite)));
}

Json all_paths() {
  Json paths;
  Json asked = content(kJsonType, reference("AnswerRequest"));
  asked[kLinesType] = {{"schema", reference("AnswerRequest")}};
  Json answered = content(kJsonType, reference("AnswerResult"));
  answered[kLinesType] = Json::object();
  paths["/v1/answer"]["post"] =
      operation("Answer a question, or one a line", std::move(asked),
                responses(std::move(answered), body_errors(Access::kRead)));
  paths["/v1/classify"]["post"] = operation(
      "Judge question and passage", content(kJsonType, reference("ClassifyRequest")),
      responses(content(kJsonType, reference("ClassResult")), body_errors(Access::kRead)));
  add_passages(paths);
  const Json hugging_face = operation(
      "Answer a question in Hugging Face's form",
      content(kJsonType, reference("HuggingFaceRequest")),
      responses(content(kJsonType, reference("HuggingFaceResult")), body_errors(Access::kRead)));
  paths["/"]["post"] = hugging_face;
  paths["/models/{name}"] = {{"parameters", path_parameter("name")}, {"post", hugging_face}};
  paths["/"]["get"] = operation("The page to ask questions on", nullptr,
                                responses(content("text/html", {{"type", "string"}}), {}));
  paths["/v1/info"]["get"] =
      operation("Model and store", nullptr,
                responses(content(kJsonType, reference("Info")), {401, 421, 429, 500, 503, 504}));
  const Json text = content("text/plain", {{"type", "string"}});
  paths["/livez"]["get"] = operation("The process serves", nullptr, responses(text, {}));
  paths["/readyz"]["get"] = operation("The model is loaded", nullptr, responses(text, {503}));
  paths["/metrics"]["get"] =
      operation("Counters for Prometheus", nullptr, responses(text, {401, 421}));
  paths["/openapi.json"]["get"] =
      operation("This document", nullptr, responses(content(kJsonType, {{"type", "object"}}), {}));
  return paths;
}

}  // namespace

std::string openapi_document(const ApiOptions& options) {
  Json document;
  document["openapi"] = "3.1.0";
  document["info"] = {{"title", "deformer serve"},
                      {"version", version()},
                      {"description", "Question answering with passages that are encoded once."},
                      {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}};
  document["paths"] = all_paths();
  document["components"]["schemas"] = schemas(options);
  document["components"]["securitySchemes"]["bearer"] = {{"type", "http"}, {"scheme", "bearer"}};
  document["security"] = Json::array({Json::object(), {{"bearer", Json::array()}}});
  return document.dump(2) + "\n";
}

}  // namespace deformer::serve
