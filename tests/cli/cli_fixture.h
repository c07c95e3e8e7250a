// What every test of the command-line tool needs: the binary, a tiny model, files.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/fork_server.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer::test {

using Json = nlohmann::ordered_json;

class CliTest : public testing::Test {
 protected:
  CliTest() { keep_fork_server(DEFORMER_CLI); }

  [[nodiscard]] static std::vector<std::string> command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), DEFORMER_CLI);
    return arguments;
  }
  [[nodiscard]] static ProcessResult run(std::vector<std::string> arguments,
                                         const ProcessOptions& options = {}) {
    return run_process(command(std::move(arguments)), options);
  }

  /// Expects success without a word on stderr; returns stdout.
  [[nodiscard]] static std::string run_ok(std::vector<std::string> arguments,
                                          const ProcessOptions& options = {}) {
    const ProcessResult result = run(std::move(arguments), options);
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.err, "");
    return result.out;
  }

  /// Expects the exit status, nothing on stdout and one line on stderr that contains `text`.
  static void expect_failure(const ProcessResult& result, int status, const std::string& text) {
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_EQ(result.out, "");
    expect_error_line(result.err, text);
  }
  static void expect_error_line(const std::string& err, const std::string& text) {
    EXPECT_THAT(err, testing::StartsWith("deformer: error: "));
    EXPECT_THAT(err, testing::HasSubstr(text));
    EXPECT_EQ(err.find('\n'), err.size() - 1) << "expected one line, found:\n" << err;
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory_ / name).string();
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  std::string write_json(const std::string& name, const Json& value) const {
    return write(name, value.dump());
  }
  [[nodiscard]] static std::string read(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  [[nodiscard]] static Json read_json(const std::string& file) { return Json::parse(read(file)); }

  /// A tiny model under `name`; by default one that reads the questions of these tests as a whole.
  std::string write_model(const std::string& name = "model",
                          const TinyModelOptions& options = {.positions = 96,
                                                             .max_question_tokens = 40}) const {
    std::filesystem::create_directory(path(name));
    write_tiny_model(path(name), options);
    return path(name);
  }

  /// Names in the test's directory, or in one of its directories.
  [[nodiscard]] std::set<std::string> listing(const std::string& name = ".") const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path(name))) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  [[nodiscard]] static std::vector<Json> json_lines(const std::string& text) {
    std::vector<Json> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
    return lines;
  }

 private:
  TempDir directory_;
};

/// {"id", "question", "answers"}; an empty answer means that the question has none.
inline Json squad_question(const std::string& id, const std::string& question,
                           const std::string& answer, int start = 0) {
  Json entry;
  entry["id"] = id;
  entry["question"] = question;
  entry["answers"] = Json::array();
  if (answer.empty()) {
    entry["is_impossible"] = true;
  } else {
    Json gold;
    gold["text"] = answer;
    gold["answer_start"] = start;
    entry["answers"].push_back(std::move(gold));
  }
  return entry;
}

/// One article whose paragraphs are {context, questions}.
inline Json squad_file(const std::vector<std::pair<std::string, std::vector<Json>>>& paragraphs) {
  Json article;
  article["title"] = "Rivers";
  article["paragraphs"] = Json::array();
  for (const auto& [context, questions] : paragraphs) {
    Json paragraph;
    paragraph["context"] = context;
    paragraph["qas"] = questions;
    article["paragraphs"].push_back(std::move(paragraph));
  }
  Json file;
  file["version"] = "1.1";
  file["data"] = Json::array();
  file["data"].push_back(std::move(article));
  return file;
}

/// Two paragraphs, three questions: q1 and q2 on the first, q3 on the second.
inline Json small_squad() {
  return squad_file(
      {{"The Rhine rises in the Alps and flows through six countries to the North Sea.",
        {squad_question("q1", "Where does the Rhine rise?", "the Alps", 19),
         squad_question("q2", "How many countries does it pass?", "six", 50)}},
       {"Zo\u00eb swam across the caf\u00e9's pond; the Danube was too cold.",
        {squad_question("q3", "Who swam?", "Zo\u00eb", 0)}}});
}

}  // namespace deformer::test
