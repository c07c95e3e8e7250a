// What the service is asked: questions and passages of a SQuAD file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace deformer::bench {

struct SetQuestion {
  std::string text;
  std::size_t passage = 0;
};

struct QuestionSet {
  std::vector<SetQuestion> questions;
  std::vector<std::string> passages;  ///< all of the file
};

/// At most `most` questions, evenly from the file. Throws as load_squad(), and for a file without a
/// question.
[[nodiscard]] QuestionSet read_questions(const std::string& squad, std::size_t most);

/// The id that put_passages() gives the passage of this place.
[[nodiscard]] std::string passage_id(std::size_t place);

/// The port of "http://127.0.0.1:PORT"; throws std::runtime_error for any other address.
[[nodiscard]] std::uint16_t port_of(const std::string& url);

/// Encodes the passages that are asked about into the store of the service. Throws
/// std::runtime_error.
void put_passages(std::uint16_t port, const QuestionSet& set);

/// Whole HTTP requests.
[[nodiscard]] std::string request_by_id(const SetQuestion& question);
[[nodiscard]] std::string request_with_text(const SetQuestion& question, const QuestionSet& set);

}  // namespace deformer::bench
