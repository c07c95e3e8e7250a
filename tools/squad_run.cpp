#include "tools/squad_run.h"

#include <algorithm>
#include <vector>

#include "deformer/passage_store.h"

namespace deformer::tools {
namespace {

// Enough for full batches, little memory. The questions of a paragraph stay together where they
// can.
constexpr std::size_t kChunkQuestions = 1024;
// Of the contexts, which each question has for itself.
constexpr std::size_t kChunkBytes = std::size_t{128} << 20;

void check_questions(const Answerer& answerer, const SquadParagraph& paragraph,
                     const std::string& file) {
  for (const SquadQuestion& question : paragraph.questions) {
    answerer.check_question(question.question, file + ": question " + question.id);
  }
}

void check_questions(const Answerer& answerer, const SquadDataset& dataset,
                     const std::string& file) {
  for (const SquadArticle& article : dataset.articles) {
    for (const SquadParagraph& paragraph : article.paragraphs) {
      check_questions(answerer, paragraph, file);
    }
  }
}

class SquadRunner {
 public:
  SquadRunner(Answerer& answerer, const SquadSink& sink, Progress& progress)
      : answerer_(answerer), sink_(sink), progress_(progress) {}

  void add(const SquadQuestion& question, const Passage& passage) {
    QaRequest& request = requests_.emplace_back();
    request.id = question.id;
    request.question = question.question;
    if (!passage.text.empty()) request.passages.push_back(passage);
    questions_.push_back(&question);
    bytes_ += passage.text.size();
    if (bytes_ >= kChunkBytes) run();
  }

  void end_paragraph() {
    if (requests_.size() >= kChunkQuestions) run();
  }

  void run() {
    const auto results = answerer_.answer(
        requests_, [&](std::size_t done, std::size_t) { progress_.update(done_ + done); });
    for (std::size_t i = 0; i < results.size(); ++i) sink_(*questions_[i], results[i]);
    done_ += results.size();
    progress_.update(done_);
    requests_.clear();
    questions_.clear();
    bytes_ = 0;
  }

 private:
  Answerer& answerer_;
  const SquadSink& sink_;
  Progress& progress_;
  std::vector<QaRequest> requests_;
  std::vector<const SquadQuestion*> questions_;
  std::size_t bytes_ = 0;
  std::size_t done_ = 0;
};

}  // namespace

void keep_first_questions(SquadDataset& dataset, std::size_t count) {
  for (SquadArticle& article : dataset.articles) {
    for (SquadParagraph& paragraph : article.paragraphs) {
      const std::size_t kept = std::min(count, paragraph.questions.size());
      paragraph.questions.resize(kept);
      count -= kept;
    }
    std::erase_if(article.paragraphs, [](const auto& p) { return p.questions.empty(); });
  }
  std::erase_if(dataset.articles, [](const auto& a) { return a.paragraphs.empty(); });
}

void answer_squad(Answerer& answerer, const SquadDataset& dataset, const std::string& file,
                  const Talk& talk, const SquadSink& sink) {
  check_questions(answerer, dataset, file);
  Progress progress(talk, "answer", "questions", dataset.num_questions());
  SquadRunner runner(answerer, sink, progress);
  for (const SquadArticle& article : dataset.articles) {
    for (const SquadParagraph& paragraph : article.paragraphs) {
      const Passage passage{content_id(paragraph.context), paragraph.context};
      for (const SquadQuestion& question : paragraph.questions) runner.add(question, passage);
      runner.end_paragraph();
    }
  }
  runner.run();
}

}  // namespace deformer::tools
