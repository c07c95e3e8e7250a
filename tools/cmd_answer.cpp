#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json_id.h"
#include "base/number_text.h"
#include "base/quote.h"
#include "deformer/passage_store.h"
#include "deformer/predictions.h"
#include "serve/answer_json.h"
#include "tools/answerer.h"
#include "tools/failure.h"
#include "tools/input.h"
#include "tools/jsonl_request.h"
#include "tools/model_options.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/squad_run.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

constexpr const char* kAnswerFooter = R"(Examples:
  deformer answer --model DIR --squad dev-v1.1.json --output predictions.json
  deformer answer --model DIR --passage article.txt --question "Who wrote it?" --top-k 3
  cat questions.jsonl | deformer answer --model DIR --jsonl - > answers.jsonl

--squad writes {"id": "answer text"} in the order of the file, as the official scorers read it.
--jsonl answers each line {"id", "question", "passage"} with a line {"id", "answers": [...]}.
In JSON, start and end count Unicode code points (as Python indexes strings), byte_start and
byte_end bytes of UTF-8; score is start logit + end logit, probability its share among all spans.
docs/cli.md has all formats.)";

struct AnswerVerbOptions {
  ModelOptions model;
  AnswererOptions answerer;
  std::string squad;
  std::string jsonl;
  std::string passage;
  std::vector<std::string> questions;
  std::string output = "-";
  std::string nbest;
  std::string na_scores;
  std::optional<std::size_t> limit;
  bool json = false;
  bool keep_going = false;
  bool quiet = false;
};

constexpr std::size_t kNbestTopK = 20;  // as the official BERT code writes

// The files of one run. All are opened before the work starts and committed after it. One whose
// place is full leaves the others, also where that shows before the end: commit() throws it then.
class SquadOutputs {
 public:
  explicit SquadOutputs(const AnswerVerbOptions& options) : predictions_(options.output) {
    if (is_same_place(options.nbest, options.output) ||
        is_same_place(options.na_scores, options.output) ||
        is_same_place(options.na_scores, options.nbest)) {
      throw invalid("answer: expected different places for --output, --nbest and --na-scores");
    }
    if (!options.nbest.empty()) nbest_.emplace(options.nbest);
    if (!options.na_scores.empty()) na_scores_.emplace(options.na_scores);
    if (nbest_) nbest_->write("{");
  }

  void add(const SquadQuestion& question, QaResult result, std::size_t top_k) {
    scores_.emplace_back(question.id, no_answer_margin(result));
    if (result.answers.size() > top_k) result.answers.resize(top_k);
    texts_.emplace_back(question.id, best_text(result));
    if (!nbest_ || nbest_failure_) return;
    const char* separator = texts_.size() == 1 ? "\n" : ",\n";
    try {
      nbest_->write(separator + serve::json_string(question.id) + ": " +
                    serve::answers_array(result));
    } catch (const std::exception&) {
      nbest_failure_ = std::current_exception();
    }
  }

  void commit() {
    const auto end = [](Output& output, const std::string& last) {
      output.write(last);
      output.commit();
    };
    do_all({[&] {
              if (na_scores_) end(*na_scores_, format_no_answer_scores(scores_));
            },
            [&] {
              if (nbest_failure_) std::rethrow_exception(nbest_failure_);
              if (nbest_) end(*nbest_, "\n}\n");
            },
            [&] { end(predictions_, format_predictions(texts_)); }});
  }

 private:
  Output predictions_;
  std::optional<Output> nbest_;
  std::optional<Output> na_scores_;
  std::exception_ptr nbest_failure_;
  PredictionList texts_;
  NoAnswerScores scores_;
};

void print_answers(const QaResult& result, const std::string& question, Output& output) {
  output.write(question + "\n");
  for (const Answer& answer : result.answers) {
    output.write("  " + (answer.no_answer ? "(no answer)" : one_line(answer.text)) + "\n    ");
    if (!answer.no_answer) {
      output.write("characters " + std::to_string(answer.start) + "-" + std::to_string(answer.end) +
                   ", ");
    }
    output.write("score " + fixed(answer.score, 3) + ", probability " +
                 fixed(answer.probability, 3) + "\n");
  }
}

[[noreturn]] void refuse_passage(const std::string& path, const std::string& found) {
  throw invalid((path == "-" ? "standard input" : path) + ": expected a passage, found " + found +
                " file");
}

std::string read_passage(const std::string& path) {
  std::string text = read_text(path);
  if (text.find_first_not_of(" \t\r\n") != std::string::npos) return text;
  refuse_passage(path, text.empty() ? "an empty" : "a blank");
}

// --squad: predictions, and n-best and no-answer scores where asked for.
void answer_squad_file(const AnswerVerbOptions& options) {
  if (options.answerer.top_k.value_or(1) > 1 && options.nbest.empty()) {
    throw invalid(
        "--top-k: expected --nbest FILE with --squad, found none: predictions hold the best answer "
        "alone");
  }
  const Talk talk(options.quiet);
  AnswererOptions answerer_options = options.answerer;
  const std::size_t top_k = options.answerer.top_k.value_or(options.nbest.empty() ? 1 : kNbestTopK);
  // With one answer, "no answer" may hide the best span, which the margin needs.
  answerer_options.top_k = options.na_scores.empty() ? top_k : std::max<std::size_t>(top_k, 2);
  SquadOutputs outputs(options);
  SquadDataset dataset = load_squad(options.squad);
  if (options.limit) keep_first_questions(dataset, *options.limit);
  Answerer answerer(load_model(options.model, talk), std::move(answerer_options));
  answer_squad(answerer, dataset, options.squad, talk,
               [&](const SquadQuestion& question, const QaResult& result) {
                 outputs.add(question, result, top_k);
               });
  outputs.commit();
  answerer.report(talk);
}

constexpr std::size_t kBatchLines = 256;

// The line is at fault, not the machine: the next line may be fine.
bool is_fault_of_line(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument || error.code() == ErrorCode::kNotFound ||
         error.code() == ErrorCode::kCorrupt;
}

// A line on its way from input to output.
struct Slot {
  std::size_t number = 0;
  std::string id_json;
  QaRequest request;
  std::optional<Error> error;
  QaResult result;
};

class JsonlRunner {
 public:
  JsonlRunner(Answerer& answerer, bool keep_going, std::string input_name, Output& output)
      : answerer_(answerer),
        keep_going_(keep_going),
        input_name_(std::move(input_name)),
        output_(output) {}

  void run(const std::vector<LineReader::Line>& lines) {
    std::vector<Slot> slots;
    for (const LineReader::Line& line : lines) {
      if (is_blank_line(line.text) && !line.too_long) continue;
      slots.push_back(parse(line));
      if (slots.back().error && !keep_going_) break;
    }
    answer(slots);
    for (const Slot& slot : slots) write(slot);
    output_.flush();
  }

  [[nodiscard]] std::size_t errors() const noexcept { return errors_; }

 private:
  Slot parse(const LineReader::Line& line) const {
    Slot slot;
    slot.number = line.number;
    const std::string where = input_name_ + ": line " + std::to_string(line.number);
    try {
      require_whole(line, where);
      JsonlRequest parsed = parse_jsonl_request(line.text, where);
      slot.id_json = std::move(parsed.id_json);
      slot.request = std::move(parsed.request);
      answerer_.check_question(slot.request.question, where + ": question");
    } catch (const Error& error) {
      slot.error = error;
      if (slot.id_json.empty()) slot.id_json = find_json_id(line.text);
    }
    return slot;
  }

  // All good lines in one call; a line at fault leaves the others alone.
  void answer(std::vector<Slot>& slots) {
    std::vector<QaRequest> requests;
    std::vector<Slot*> good;
    for (Slot& slot : slots) {
      if (slot.error) continue;
      good.push_back(&slot);
      requests.push_back(std::move(slot.request));
    }
    answerer_.answer_each(requests, [&](std::size_t request, Outcome<QaResult>&& outcome) {
      Slot& slot = *good[request];
      const Error* const error = outcome.error();
      if (error == nullptr) {
        slot.result = std::move(outcome).value();
        return;
      }
      if (!is_fault_of_line(*error)) throw *error;
      slot.error = Error(error->code(), input_name_ + ": line " + std::to_string(slot.number) +
                                            ": " + error->what());
    });
  }

  void write(const Slot& slot) {
    if (!slot.error) {
      output_.write(serve::result_line(
          slot.result, {.id_json = slot.id_json,
                        .question = "",
                        .no_answer_score = answerer_.options().answer.allow_no_answer}));
      return;
    }
    if (!keep_going_) {
      output_.flush();
      throw *slot.error;
    }
    ++errors_;
    output_.write(serve::error_line(slot.number, slot.error->what(), slot.id_json));
  }

  Answerer& answerer_;
  bool keep_going_;
  std::string input_name_;
  Output& output_;
  std::size_t errors_ = 0;
};

// One line out for each line in (blank lines aside), in order. What is there is answered without
// waiting for more, and flushed. Returns the number of error lines. Throws for the first bad line,
// naming it, after the lines before it have been answered.
std::size_t answer_jsonl(Answerer& answerer, const AnswerVerbOptions& options, const Talk& talk,
                         Output& output) {
  LineReader lines(options.jsonl);
  // Where lines come from a terminal or go to one, a moving line would stand between them.
  const Talk quiet(true);
  const bool at_terminal = lines.input().is_terminal() || output.is_terminal();
  Progress progress(at_terminal ? quiet : talk, "answer", "lines", 0);
  JsonlRunner runner(answerer, options.keep_going, lines.input().name(), output);
  std::size_t left = options.limit.value_or(static_cast<std::size_t>(-1));
  std::size_t done = 0;
  while (left > 0) {
    const auto batch = lines.next_batch(std::min(left, kBatchLines));
    if (batch.empty()) break;
    runner.run(batch);
    left -= batch.size();
    done += batch.size();
    progress.update(done);
  }
  return runner.errors();
}

// --jsonl: a line for each line.
void answer_jsonl_stream(const AnswerVerbOptions& options) {
  const Talk talk(options.quiet);
  Output output(options.output);
  Answerer answerer(load_model(options.model, talk), options.answerer);
  const std::size_t errors = answer_jsonl(answerer, options, talk, output);
  output.commit();
  answerer.report(talk);
  if (errors > 0) talk.note("lines that could not be answered: " + grouped(errors));
}

// --passage and --question: text for people, or JSON Lines.
void answer_passage(const AnswerVerbOptions& options) {
  const Talk talk(options.quiet);
  Output output(options.output);
  Passage passage;
  passage.text = read_passage(options.passage);
  passage.id = content_id(passage.text);
  Answerer answerer(load_model(options.model, talk), options.answerer);
  std::vector<QaRequest> requests;
  for (std::size_t i = 0; i < options.questions.size(); ++i) {
    answerer.check_question(options.questions[i], "--question " + std::to_string(i + 1));
    requests.push_back({.id = "", .question = options.questions[i], .passages = {passage}});
  }
  const std::vector<QaResult> results = answerer.answer(requests);
  // Without a word there is no answer: blanks of other kinds, U+00A0 say, are the library's to
  // know.
  if (results.front().answers.empty()) refuse_passage(options.passage, "a blank");
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (options.json) {
      output.write(serve::result_line(
          results[i], {.id_json = "",
                       .question = options.questions[i],
                       .no_answer_score = options.answerer.answer.allow_no_answer}));
    } else {
      print_answers(results[i], options.questions[i], output);
    }
  }
  output.commit();
  answerer.report(talk);
}

int run_answer(const AnswerVerbOptions& options) {
  refuse_input_as_output(all_inputs({options.squad, options.jsonl, options.passage},
                                    options.model.model_dir, options.answerer.reading.store),
                         {{"--output", options.output},
                          {"--nbest", options.nbest},
                          {"--na-scores", options.na_scores}});
  if (!options.squad.empty()) {
    answer_squad_file(options);
  } else if (!options.jsonl.empty()) {
    answer_jsonl_stream(options);
  } else if (!options.passage.empty()) {
    answer_passage(options);
  } else {
    throw invalid("answer: expected one of --squad, --jsonl, --passage, found none");
  }
  return kExitOk;
}

void add_answer_inputs(CLI::App& verb, AnswerVerbOptions& options) {
  OptionGroup group(verb, "Input (one of --squad, --jsonl, --passage)");
  auto* squad = group.place("--squad", options.squad, "FILE", "Questions of a SQuAD file");
  auto* jsonl =
      group.text("--jsonl", options.jsonl, "FILE", "Questions one JSON object a line; - = stdin");
  auto* passage = group.text("--passage", options.passage, "FILE", "A text to read; - = stdin");
  exclusive({squad, jsonl, passage});
  group
      .repeated("--question", options.questions, "TEXT",
                "A question about --passage; may be repeated")
      ->needs(passage);
  passage->needs("--question");
  group
      .number("--limit", options.limit, "N", "Read the first N questions or lines only",
              whole_number(0))
      ->excludes(passage);
  group
      .flag("--keep-going", options.keep_going,
            "Give an error line for a bad line instead of stopping")
      ->needs(jsonl);
}

void add_answer_outputs(CLI::App& verb, AnswerVerbOptions& options) {
  OptionGroup group(verb, "Output");
  group.text("--output", options.output, "FILE", "Where the answers go; - = stdout");
  group.number("--top-k", options.answerer.top_k, "N",
               "Answers per question, best first, none overlapping (default 1)",
               whole_number(1, kMaxTopK));
  group.output("--nbest", options.nbest, "Also write the --top-k best answers (20 by default)")
      ->needs("--squad");
  group
      .output("--na-scores", options.na_scores,
              "Also write how much \"no answer\" outscores the best span")
      ->needs("--squad");
  group.flag("--json", options.json, "With --passage: JSON Lines instead of text")
      ->needs("--passage");
  group.flag("--quiet", options.quiet, "No progress and no notes on stderr");
}

}  // namespace

Verb add_answer(CLI::App& app) {
  CLI::App* const verb = app.add_subcommand("answer", "Answer questions from passages");
  const auto options = std::make_shared<AnswerVerbOptions>();
  add_answer_inputs(*verb, *options);
  add_answer_outputs(*verb, *options);
  add_model_options(*verb, options->model);
  add_answerer_options(*verb, options->answerer);
  verb->footer(kAnswerFooter);
  return {verb, [options] { return run_answer(*options); }};
}

}  // namespace deformer::tools
