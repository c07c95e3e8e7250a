#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/system_error.h"
#include "deformer/inspect.h"
#include "tools/failure.h"
#include "tools/model_options.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/talk.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

constexpr const char* kTraceFooter = R"(Examples:
  deformer trace --model DIR --question "Who?" --passage "Ada wrote it." --output trace.safetensors
  deformer trace --model DIR --question-ids 101,2040,102 --passage-ids 1996,102 --output t.safetensors

Tensors (F32, one row a token, no padding): lower.question.embeddings, lower.question.<layer>,
lower.passage.embeddings, lower.passage.<layer>, upper.<layer>, logits.start, logits.end; layers by
absolute number, upper rows and logits in the model's joint order. ids.question and ids.passage
(I64) are the segments that went in, special tokens included.)";

struct TraceVerbOptions {
  ModelOptions model;
  std::optional<std::string> question;
  std::optional<std::string> passage;
  std::vector<std::int32_t> question_ids;
  std::vector<std::int32_t> passage_ids;
  std::size_t window = 0;
  std::string output;
  bool quiet = false;
};

// All of the list counts: a gap, or a letter, is no id.
std::vector<std::int32_t> parse_ids(const std::string& option, const std::string& list) {
  std::vector<std::int32_t> ids;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    std::int32_t id = -1;
    const auto parsed = std::from_chars(list.data() + begin, list.data() + end, id);
    if (parsed.ec != std::errc() || parsed.ptr != list.data() + end || id < 0) {
      throw invalid(option + ": expected token ids with commas between them, found \"" +
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

void add_ids(OptionGroup& group, const char* name, std::vector<std::int32_t>& ids,
             const char* help) {
  const auto parse = [name](const std::string& list) { return parse_ids(name, list); };
  group.parsed(name, ids, "ID,ID,...", help, parse)->excludes("--question")->excludes("--passage");
}

void add_trace_inputs(CLI::App& verb, TraceVerbOptions& options) {
  OptionGroup group(verb, "Input (texts or ids)");
  auto* question = group.text("--question", options.question, "TEXT", "The question");
  group.text("--passage", options.passage, "TEXT", "The passage")->needs(question);
  question->needs("--passage");
  group
      .number("--window", options.window, "N", "Window of a long passage, from 0", whole_number(0))
      ->needs("--passage");
  add_ids(group, "--question-ids", options.question_ids,
          "The question's segment, special tokens included");
  add_ids(group, "--passage-ids", options.passage_ids,
          "The passage's segment, special tokens included");
  verb.get_option("--question-ids")->needs("--passage-ids");
  verb.get_option("--passage-ids")->needs("--question-ids");
}

// A file without a place, for as long as the object lives.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("trace", MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw_system_error("trace", "make a file in memory", errno);
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

// The library writes files. Standard output by a name is another one than Output's: a reader that
// has gone would be an error there, not the quiet end.
void write_trace(const Trace& trace, const std::string& place) {
  if (!is_stdout(place)) return save_trace(trace, place);
  const MemoryFile memory;
  save_trace(trace, memory.path());
  Output output(place);
  output.write(read_file(memory.path()));
  output.commit();
}

int run_trace(const TraceVerbOptions& given) {
  if (!given.question && given.question_ids.empty()) {
    throw invalid("trace: expected --question and --passage, or --question-ids and --passage-ids");
  }
  TraceVerbOptions options = given;
  const Talk talk(options.quiet);
  choose_model(options.model, talk);
  refuse_input_as_output(model_files(options.model.model_dir), {{"--output", options.output}});
  // Says early when the place is not writable; the library writes the file itself. Whoever reads a
  // pipe would take the check for the end.
  if (!is_pipe(options.output)) const Output check(options.output);
  const auto model = load_model(options.model, talk);
  const Trace trace = make_trace(options, *model);
  write_trace(trace, options.output);
  say_what_is_missing(trace, options, talk);
  return kExitOk;
}

}  // namespace

Verb add_trace(CLI::App& app) {
  CLI::App* const verb =
      app.add_subcommand("trace", "Write all states of one question on one passage");
  const auto options = std::make_shared<TraceVerbOptions>();
  add_model_options(*verb, options->model);
  add_trace_inputs(*verb, *options);
  OptionGroup group(*verb);
  group.text("--output", options->output, "FILE", "The safetensors file; - = stdout")->required();
  group.flag("--quiet", options->quiet, "No notes on stderr");
  verb->footer(kTraceFooter);
  return {verb, [options] { return run_trace(*options); }};
}

}  // namespace deformer::tools
