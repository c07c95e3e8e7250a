#include "tools/cmd_answer.h"

#include "deformer/error.h"
#include "tools/answer_modes.h"
#include "tools/number.h"
#include "tools/output.h"

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

void add_inputs(CLI::App& verb, AnswerVerbOptions& options) {
  const std::string group = "Input (one of --squad, --jsonl, --passage)";
  auto* squad = verb.add_option("--squad", options.squad, "Questions of a SQuAD file")
                    ->check(not_empty())
                    ->type_name("FILE")
                    ->group(group);
  auto* jsonl =
      verb.add_option("--jsonl", options.jsonl, "Questions one JSON object a line; - = stdin")
          ->type_name("FILE")
          ->group(group);
  auto* passage = verb.add_option("--passage", options.passage, "A text to read; - = stdin")
                      ->type_name("FILE")
                      ->group(group);
  squad->excludes(jsonl)->excludes(passage);
  jsonl->excludes(passage);
  auto* question = verb.add_option("--question", options.questions,
                                   "A question about --passage; may be repeated")
                       ->type_name("TEXT")
                       ->allow_extra_args(false)
                       ->group(group);
  question->needs(passage);
  passage->needs(question);
  verb.add_option("--limit", options.limit, "Read the first N questions or lines only")
      ->type_name("N")
      ->transform(whole_number(0))
      ->group(group);
  verb.add_flag("--keep-going", options.keep_going,
                "Give an error line for a bad line instead of stopping")
      ->needs(jsonl)
      ->group(group);
}

void add_outputs(CLI::App& verb, AnswerVerbOptions& options) {
  const std::string group = "Output";
  auto* squad = verb.get_option("--squad");
  verb.add_option("--output", options.output, "Where the answers go; - = stdout")
      ->type_name("FILE")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--top-k", options.answerer.top_k,
                  "Answers per question, best first, none overlapping (default 1)")
      ->type_name("N")
      ->transform(whole_number(1, kMaxTopK))
      ->group(group);
  verb.add_option("--nbest", options.nbest, "Also write the --top-k best answers (20 by default)")
      ->type_name("FILE")
      ->needs(squad)
      ->check(output_name())
      ->group(group);
  verb.add_option("--na-scores", options.na_scores,
                  "Also write how much \"no answer\" outscores the best span")
      ->type_name("FILE")
      ->needs(squad)
      ->check(output_name())
      ->group(group);
  verb.add_flag("--json", options.json, "With --passage: JSON Lines instead of text")
      ->needs(verb.get_option("--passage"))
      ->group(group);
  verb.add_flag("--quiet", options.quiet, "No progress and no notes on stderr")->group(group);
}

}  // namespace

CLI::App* add_answer(CLI::App& app, AnswerVerbOptions& options) {
  CLI::App* verb = app.add_subcommand("answer", "Answer questions from passages");
  add_inputs(*verb, options);
  add_outputs(*verb, options);
  add_model_options(*verb, options.model);
  add_answerer_options(*verb, options.answerer);
  verb->footer(kAnswerFooter);
  return verb;
}

void run_answer(const AnswerVerbOptions& options) {
  if (!options.squad.empty()) {
    answer_squad_file(options);
  } else if (!options.jsonl.empty()) {
    answer_jsonl_stream(options);
  } else if (!options.passage.empty()) {
    answer_passage(options);
  } else {
    throw Error(ErrorCode::kInvalidArgument,
                "answer: expected one of --squad, --jsonl, --passage, found none");
  }
}

}  // namespace deformer::tools
