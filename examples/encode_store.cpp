// Encodes the passages of a SQuAD-format file into a store, then answers the file's questions by
// passage id alone: encode_store MODEL_DIR SQUAD_FILE [STORE_URI]
//
// A second run with a store that persists finds everything encoded.
#include <deformer/metrics.h>
#include <deformer/model.h>
#include <deformer/passage_encoder.h>
#include <deformer/passage_store.h>
#include <deformer/span_qa.h>
#include <deformer/squad.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

struct Workload {
  std::vector<deformer::Passage> passages;
  std::vector<deformer::QaRequest> requests;
};

// Passages get the ids p0, p1, ...; a request names its passage by id, without the text.
void add(const deformer::SquadParagraph& paragraph, Workload& work) {
  const std::string passage_id = "p" + std::to_string(work.passages.size());
  work.passages.push_back({.id = passage_id, .text = paragraph.context});
  for (const deformer::SquadQuestion& question : paragraph.questions) {
    work.requests.push_back({.id = question.id,
                             .question = question.question,
                             .passages = {{.id = passage_id, .text = {}}}});
  }
}

Workload to_workload(const deformer::SquadDataset& dataset) {
  Workload work;
  work.passages.reserve(dataset.num_paragraphs());
  work.requests.reserve(dataset.num_questions());
  for (const deformer::SquadArticle& article : dataset.articles) {
    for (const deformer::SquadParagraph& paragraph : article.paragraphs) add(paragraph, work);
  }
  return work;
}

void run(const std::string& model_dir, const std::string& squad_file, const std::string& uri) {
  const auto model = deformer::Model::load(model_dir);
  const auto dataset = deformer::load_squad(squad_file);
  const Workload work = to_workload(dataset);

  const auto store = deformer::open_passage_store(uri, *model);
  const auto report = deformer::PassageEncoder(model, store).encode(work.passages);
  std::cout << report.encoded << " passages encoded, " << report.reused << " reused\n";

  deformer::Predictions predictions;
  for (const deformer::QaResult& result : deformer::SpanQa(model, store).answer(work.requests)) {
    predictions[result.id] = result.answers.empty() ? "" : result.answers.front().text;
  }

  const auto score = deformer::evaluate_squad(dataset, predictions).overall;
  std::cout << score.total << " questions, exact match " << score.exact << ", F1 " << score.f1
            << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::cerr << "usage: encode_store MODEL_DIR SQUAD_FILE [STORE_URI]\n";
    return EXIT_FAILURE;
  }
  try {
    run(argv[1], argv[2], argc == 4 ? argv[3] : "memory:");
  } catch (const std::exception& error) {
    std::cerr << "encode_store: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
