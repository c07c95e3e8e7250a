#include "tools/cmd_trace.h"

#include "deformer/error.h"
#include "deformer/trace.h"
#include "tools/output.h"
#include "tools/talk.h"

namespace deformer::tools {
namespace {

constexpr const char* kFooter = R"(Examples:
  deformer trace --model DIR --question "Who?" --passage "Ada wrote it." --output trace.safetensors
  deformer trace --model DIR --question-ids 101,2040,102 --passage-ids 1996,102 --output t.safetensors

Tensors (F32, one row a token, no padding): lower.question.embeddings, lower.question.<layer>,
lower.passage.embeddings, lower.passage.<layer>, upper.<layer>, logits.start, logits.end; layers by
absolute number, upper rows and logits in the model's joint order. ids.question and ids.passage
(I64) are the segments that went in, special tokens included.)";

Trace make_trace(const TraceOptions& options, const Model& model) {
  if (options.question) {
    return trace_texts(model, *options.question, *options.passage, options.window);
  }
  return trace_ids(model, options.question_ids, options.passage_ids);
}

void say_what_is_missing(const Trace& trace, const TraceOptions& options, const Talk& talk) {
  if (trace.windows > 1) {
    talk.note("traced window " + std::to_string(options.window) + " of the passage's " +
              std::to_string(trace.windows) + " (--window)");
  }
  if (trace.question_cut) talk.note("the question was cut to the length that the model reads");
}

}  // namespace

CLI::App* add_trace(CLI::App& app, TraceOptions& options) {
  CLI::App* verb = app.add_subcommand("trace", "Write all states of one question on one passage");
  add_model_options(*verb, options.model);
  const std::string group = "Input (texts or ids)";
  auto* question = verb->add_option("--question", options.question, "The question")
                       ->type_name("TEXT")
                       ->group(group);
  auto* passage = verb->add_option("--passage", options.passage, "The passage")
                      ->type_name("TEXT")
                      ->group(group);
  auto* window = verb->add_option("--window", options.window, "Window of a long passage, from 0")
                     ->type_name("N")
                     ->check(CLI::NonNegativeNumber)
                     ->capture_default_str()
                     ->group(group);
  auto* question_ids = verb->add_option("--question-ids", options.question_ids,
                                        "The question's segment, special tokens included")
                           ->delimiter(',')
                           ->allow_extra_args(false)
                           ->type_name("ID,ID,...")
                           ->group(group);
  auto* passage_ids = verb->add_option("--passage-ids", options.passage_ids,
                                       "The passage's segment, special tokens included")
                          ->delimiter(',')
                          ->allow_extra_args(false)
                          ->type_name("ID,ID,...")
                          ->group(group);
  question->needs(passage);
  passage->needs(question);
  window->needs(passage);
  question_ids->needs(passage_ids)->excludes(question)->excludes(passage);
  passage_ids->needs(question_ids)->excludes(question)->excludes(passage);
  verb->add_option("--output", options.output, "The safetensors file")
      ->required()
      ->type_name("FILE");
  verb->add_flag("--quiet", options.quiet, "No notes on stderr");
  verb->footer(kFooter);
  return verb;
}

void run_trace(const TraceOptions& options) {
  if (!options.question && options.question_ids.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "trace: expected --question and --passage, or --question-ids and --passage-ids");
  }
  // Says early when the place is not writable; the library writes the file itself.
  { const Output check(options.output); }
  const Talk talk(options.quiet);
  const auto model = load_model(options.model, talk);
  const Trace trace = make_trace(options, *model);
  save_trace(trace, options.output);
  say_what_is_missing(trace, options, talk);
}

}  // namespace deformer::tools
