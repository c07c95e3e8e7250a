#include "tools/cmd_trace.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "deformer/error.h"
#include "deformer/inspect.h"
#include "tools/number.h"
#include "tools/output.h"
#include "tools/talk.h"

namespace deformer::tools {
namespace {

constexpr const char* kTraceFooter = R"(Examples:
  deformer trace --model DIR --question "Who?" --passage "Ada wrote it." --output trace.safetensors
  deformer trace --model DIR --question-ids 101,2040,102 --passage-ids 1996,102 --output t.safetensors

Tensors (F32, one row a token, no padding): lower.question.embeddings, lower.question.<layer>,
lower.passage.embeddings, lower.passage.<layer>, upper.<layer>, logits.start, logits.end; layers by
absolute number, upper rows and logits in the model's joint order. ids.question and ids.passage
(I64) are the segments that went in, special tokens included.)";

// All of the list counts: a gap, or a letter, is no id.
std::vector<std::int32_t> parse_ids(const std::string& option, const std::string& list) {
  std::vector<std::int32_t> ids;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    std::int32_t id = -1;
    const auto parsed = std::from_chars(list.data() + begin, list.data() + end, id);
    if (parsed.ec != std::errc() || parsed.ptr != list.data() + end || id < 0) {
      throw Error(ErrorCode::kInvalidArgument,
                  option + ": expected token ids with commas between them, found \"" +
                      list.substr(begin, end - begin) + "\" in place " +
                      std::to_string(ids.size() + 1));
    }
    ids.push_back(id);
    begin = end + 1;
  }
  return ids;
}

Trace make_trace(const TraceVerbOptions& options, const Model& model) {
  if (options.question) {
    return trace_texts(model, *options.question, *options.passage, options.window);
  }
  return trace_ids(model, options.question_ids, options.passage_ids);
}

void say_what_is_missing(const Trace& trace, const TraceVerbOptions& options, const Talk& talk) {
  if (trace.windows > 1) {
    talk.note("traced window " + std::to_string(options.window) + " of the passage's " +
              std::to_string(trace.windows) + " (--window)");
  }
  if (trace.question_cut) talk.note("the question was cut to the length that the model reads");
}

}  // namespace

CLI::App* add_trace(CLI::App& app, TraceVerbOptions& options) {
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
                     ->transform(whole_number(0))
                     ->capture_default_str()
                     ->group(group);
  const auto add_ids = [&](const char* name, std::vector<std::int32_t>& ids, const char* text) {
    return verb
        ->add_option_function<std::string>(
            name, [name, &ids](const std::string& list) { ids = parse_ids(name, list); }, text)
        ->type_name("ID,ID,...")
        ->group(group);
  };
  auto* question_ids = add_ids("--question-ids", options.question_ids,
                               "The question's segment, special tokens included");
  auto* passage_ids = add_ids("--passage-ids", options.passage_ids,
                              "The passage's segment, special tokens included");
  question->needs(passage);
  passage->needs(question);
  window->needs(passage);
  question_ids->needs(passage_ids)->excludes(question)->excludes(passage);
  passage_ids->needs(question_ids)->excludes(question)->excludes(passage);
  verb->add_option("--output", options.output, "The safetensors file; - = stdout")
      ->required()
      ->type_name("FILE");
  verb->add_flag("--quiet", options.quiet, "No notes on stderr");
  verb->footer(kTraceFooter);
  return verb;
}

void run_trace(const TraceVerbOptions& options) {
  if (!options.question && options.question_ids.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "trace: expected --question and --passage, or --question-ids and --passage-ids");
  }
  // Says early when the place is not writable; the library writes the file itself. Whoever reads a
  // pipe would take the check for the end.
  if (!is_pipe(options.output)) const Output check(options.output);
  if (options.output == "-") require_standard_output();
  const Talk talk(options.quiet);
  const auto model = load_model(options.model, talk);
  const Trace trace = make_trace(options, *model);
  save_trace(trace, options.output == "-" ? "/dev/stdout" : options.output);
  say_what_is_missing(trace, options, talk);
}

}  // namespace deformer::tools
