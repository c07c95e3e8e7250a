// Asks questions about a text: ask MODEL_DIR TEXT_FILE QUESTION...
//
// The text goes through the lower layers once, whatever the number of questions.
#include <deformer/error.h>
#include <deformer/model.h>
#include <deformer/passage_encoder.h>
#include <deformer/passage_store.h>
#include <deformer/span_qa.h>

#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw deformer::Error(deformer::ErrorCode::kNotFound, path + ": cannot be read");
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

void ask(const std::string& model_dir, const std::string& text_file,
         const std::vector<std::string>& questions) {
  const auto model = deformer::Model::load(model_dir);
  const auto store = deformer::open_passage_store("memory:", *model);

  // The encode step. From here on the store knows the text by its id.
  const std::vector<deformer::Passage> passages = {{.id = "text", .text = read_text(text_file)}};
  deformer::PassageEncoder(model, store).encode(passages);

  // The answer step: all questions in one call, each on the stored passage.
  std::vector<deformer::QaRequest> requests;
  requests.reserve(questions.size());
  for (const std::string& question : questions) {
    requests.push_back({.question = question, .passages = {{.id = "text", .text = {}}}});
  }
  const auto results = deformer::SpanQa(model, store).answer(requests, {.top_k = 3});

  for (std::size_t i = 0; i < results.size(); ++i) {
    std::cout << questions[i] << "\n";
    for (const deformer::Answer& answer : results[i].answers) {
      std::cout << "  " << answer.text << "  (probability " << answer.probability << ", bytes "
                << answer.bytes.begin << " to " << answer.bytes.end << ")\n";
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: ask MODEL_DIR TEXT_FILE QUESTION...\n";
    return EXIT_FAILURE;
  }
  try {
    ask(argv[1], argv[2], std::vector<std::string>(argv + 3, argv + argc));
  } catch (const std::exception& error) {
    std::cerr << "ask: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
