// How fast a directory's tokenizer is on the contexts and questions of a SQuAD file, on one thread:
//
//   deformer_tokenizer_speed TOKENIZER_DIR SQUAD_FILE ROUNDS
//
// Prints one line a round: seconds, tokens, bytes. bench/compare_tokenizers.py reads them.
#include <deformer/squad.h>
#include <deformer/tokenizer.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

std::vector<std::string> texts_of(const std::string& squad_file) {
  std::vector<std::string> texts;
  const auto add = [&](const deformer::SquadParagraph& paragraph) {
    texts.push_back(paragraph.context);
    for (const auto& question : paragraph.questions) texts.push_back(question.question);
  };
  const deformer::SquadDataset dataset = deformer::load_squad(squad_file);
  for (const auto& article : dataset.articles) {
    for (const auto& paragraph : article.paragraphs) add(paragraph);
  }
  return texts;
}

void measure(const deformer::Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  std::size_t tokens = 0;
  std::size_t bytes = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& text : texts) {
    tokens += tokenizer.tokenize(text).ids.size();
    bytes += text.size();
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  std::printf("%.6f %zu %zu\n", time.count(), tokens, bytes);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: deformer_tokenizer_speed TOKENIZER_DIR SQUAD_FILE ROUNDS\n";
    return 2;
  }
  try {
    const auto tokenizer = deformer::load_tokenizer(argv[1]);
    const std::vector<std::string> texts = texts_of(argv[2]);
    for (int round = std::atoi(argv[3]); round > 0; --round) measure(*tokenizer, texts);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
