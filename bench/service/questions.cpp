#include "questions.h"

#include <deformer/squad.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "load_client.h"

namespace deformer::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kPutLines = 500;

std::string http_post(const std::string& path, const std::string& type, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

QuestionSet read_questions(const std::string& squad, std::size_t most) {
  std::vector<SetQuestion> all;
  QuestionSet set;
  for (const SquadArticle& article : load_squad(squad).articles) {
    for (const SquadParagraph& paragraph : article.paragraphs) {
      for (const SquadQuestion& question : paragraph.questions) {
        all.push_back({question.question, set.passages.size()});
      }
      set.passages.push_back(paragraph.context);
    }
  }
  if (all.empty()) throw std::runtime_error(squad + ": expected questions, found none");
  const std::size_t count = std::min(most, all.size());
  for (std::size_t i = 0; i < count; ++i) set.questions.push_back(all[i * all.size() / count]);
  return set;
}

std::string passage_id(std::size_t place) {
  return "passage-" + std::to_string(place);
}

std::uint16_t port_of(const std::string& url) {
  for (const std::string prefix : {"http://127.0.0.1:", "http://localhost:"}) {
    if (!url.starts_with(prefix)) continue;
    std::uint16_t port = 0;
    const char* const end = url.data() + url.size();
    const auto read = std::from_chars(url.data() + prefix.size(), end, port);
    if (read.ec == std::errc() && read.ptr == end && port > 0) return port;
  }
  throw std::runtime_error("--url: expected http://127.0.0.1:PORT, found \"" + url + "\"");
}

void put_passages(std::uint16_t port, const QuestionSet& set) {
  std::set<std::size_t> asked;
  for (const SetQuestion& question : set.questions) asked.insert(question.passage);
  std::string lines;
  std::size_t count = 0;
  for (const std::size_t place : asked) {
    lines += Json{{"id", passage_id(place)}, {"text", set.passages.at(place)}}.dump() + "\n";
    if (++count % kPutLines != 0 && count < asked.size()) continue;
    const LoadResponse response =
        send_once(port, http_post("/v1/passages", "application/x-ndjson", lines));
    if (response.status != 200 || response.body.find("\"error\"") != std::string::npos) {
      throw std::runtime_error("the passages were not stored: " + response.body.substr(0, 300));
    }
    lines.clear();
  }
}

std::string request_by_id(const SetQuestion& question) {
  const Json body{{"question", question.text}, {"passage_id", passage_id(question.passage)}};
  return http_post("/v1/answer", "application/json", body.dump());
}

std::string request_with_text(const SetQuestion& question, const QuestionSet& set) {
  const Json body{{"question", question.text}, {"passage", set.passages.at(question.passage)}};
  return http_post("/v1/answer", "application/json", body.dump());
}

}  // namespace deformer::bench
