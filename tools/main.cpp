// deformer: question answering with decomposed transformers, from a shell.

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>

#include "deformer/runtime.h"
#include "tools/adaptive_waiting.h"
#include "tools/cmd_answer.h"
#include "tools/cmd_bench.h"
#include "tools/cmd_classify.h"
#include "tools/cmd_convert.h"
#include "tools/cmd_encode.h"
#include "tools/cmd_evaluate.h"
#include "tools/cmd_inspect.h"
#ifdef DEFORMER_HAS_SERVE
#include "tools/cmd_serve.h"
#endif
#include "tools/cmd_store.h"
#include "tools/cmd_trace.h"
#include "tools/cmd_train.h"
#include "tools/failure.h"
#include "tools/help.h"
#include "tools/output.h"

namespace deformer::tools {
namespace {

constexpr const char* kFooter = R"(deformer VERB --help tells more.

stdout carries data, stderr everything said to people. Exit status: 0 done, 1 internal error,
2 invalid argument, 3 not found, 4 corrupt data, 5 incompatible, 6 unsupported, 7 out of memory or
disk, 8 input/output error.)";

// A closed pipe and a file at its size limit are to show as errors of write().
void ignore_write_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

// Without this, the next file opened would take the place of a standard stream that the caller
// closed. Opened the wrong way round, so that using it fails.
void occupy_standard_streams() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0) continue;
    const int mode = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", mode) != descriptor) ::_exit(kExitInternal);
  }
}

// Answering and training allocate and free the same big blocks for every batch. Those above 32 MB
// (4,096 rows of BERT-base's feed-forward layer are 50) glibc would give back to the system each
// time, and taking them anew costs a page fault per 4 KiB: a tenth of the time and more
// (docs/performance.md).
void keep_freed_memory() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

// A verb has closed and written what was its own when it returns. What would be left to do, taking
// apart LibTorch's table of operators, takes a tenth of a second and more, and frees memory that
// the system takes back anyway (docs/performance.md).
int end_process(int status) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  std::_Exit(status);
#endif
  return status;  // what a sanitizer found, it says at exit()
}

struct Verbs {
  AnswerVerbOptions answer;
  BenchVerbOptions bench;
  ClassifyVerbOptions classify;
  ConvertVerbOptions convert;
  EncodeVerbOptions encode;
  EvaluateVerbOptions evaluate;
  InspectVerbOptions inspect;
#ifdef DEFORMER_HAS_SERVE
  ServeVerbOptions serve;
#endif
  StoreVerbOptions store;
  TraceVerbOptions trace;
  TrainVerbOptions train;
};

void require_known_verb(const CLI::App& app, int argc, char** argv) {
  const std::string found = argc < 2 ? "" : argv[1];
  if (!found.empty() && found.front() == '-') return;
  std::string known;
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    if (verb->get_name() == found) return;
    known += (known.empty() ? "" : ", ") + verb->get_name();
  }
  throw Error(ErrorCode::kInvalidArgument, "expected a verb (" + known + "), found " +
                                               (found.empty() ? "none" : "\"" + found + "\""));
}

void print(const std::string& text) {
  Output output("-");
  output.write(text);
  output.commit();
}

// The verb, or the verb's verb, whose help was asked for.
const CLI::App* innermost(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

int run(int argc, char** argv) {
  CLI::App app("Answers questions from passages that were encoded once.", "deformer");
  app.formatter(std::make_shared<HelpFormatter>());
  Verbs verbs;
  const CLI::App* const answer = add_answer(app, verbs.answer);
  const CLI::App* const bench = add_bench(app, verbs.bench);
  const CLI::App* const classify = add_classify(app, verbs.classify);
  const CLI::App* const convert = add_convert(app, verbs.convert);
  const CLI::App* const encode = add_encode(app, verbs.encode);
  const CLI::App* const evaluate = add_evaluate(app, verbs.evaluate);
  const CLI::App* const inspect = add_inspect(app, verbs.inspect);
#ifdef DEFORMER_HAS_SERVE
  CLI::App* const serve = add_serve(app, verbs.serve);
#endif
  const CLI::App* const store = add_store(app, verbs.store);
  const CLI::App* const trace = add_trace(app, verbs.trace);
  const CLI::App* const train = add_train(app, verbs.train);
  app.set_version_flag("--version", std::string("deformer ") + version());
  app.footer(kFooter);
  app.require_subcommand(1);
  require_known_verb(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion& call) {
    print(std::string(call.what()) + "\n");
    return kExitOk;
  } catch (const CLI::CallForHelp&) {
    print(innermost(&app)->help());
    return kExitOk;
  }
  const AdaptiveWaiting waiting;
  if (answer->parsed()) run_answer(verbs.answer);
  if (bench->parsed()) run_bench(verbs.bench);
  if (classify->parsed()) run_classify(verbs.classify);
  if (convert->parsed()) run_convert(verbs.convert);
  if (encode->parsed()) run_encode(verbs.encode);
  if (evaluate->parsed()) run_evaluate(verbs.evaluate);
  if (inspect->parsed()) run_inspect(verbs.inspect);
#ifdef DEFORMER_HAS_SERVE
  if (serve->parsed()) run_serve(*serve, verbs.serve);
#endif
  if (store->parsed()) run_store(*store, verbs.store);
  if (trace->parsed()) run_trace(verbs.trace);
  if (train->parsed()) return run_train(verbs.train);
  return kExitOk;
}

}  // namespace
}  // namespace deformer::tools

int main(int argc, char** argv) {
  deformer::tools::occupy_standard_streams();
  deformer::tools::ignore_write_signals();
  deformer::tools::keep_freed_memory();
  try {
    return deformer::tools::end_process(deformer::tools::run(argc, argv));
  } catch (...) {
    return deformer::tools::end_process(deformer::tools::report_failure());
  }
}
