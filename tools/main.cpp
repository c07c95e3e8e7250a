// deformer: question answering with decomposed transformers, from a shell.

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "deformer/runtime.h"
#include "tools/adaptive_waiting.h"
#include "tools/failure.h"
#include "tools/help.h"
#include "tools/output.h"
#include "tools/verbs.h"

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
// (docs/design_measurements.md).
void keep_freed_memory() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

// A verb has closed and written what was its own when it returns. What would be left to do, taking
// apart LibTorch's table of operators, takes a tenth of a second and more, and frees memory that
// the system takes back anyway (docs/results/2026-11-30-start.md).
int end_process(int status) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  std::_Exit(status);
#endif
  return status;  // what a sanitizer found, it says at exit()
}

// In the order of the help text.
std::vector<Verb> add_verbs(CLI::App& app) {
  return {add_answer(app), add_bench(app),    add_classify(app), add_convert(app),
          add_encode(app), add_evaluate(app), add_inspect(app),
#ifdef DEFORMER_HAS_SERVE
          add_serve(app),
#endif
          add_store(app),  add_trace(app),    add_train(app)};
}

void require_known_verb(const CLI::App& app, int argc, char** argv) {
  const std::string found = argc < 2 ? "" : argv[1];
  if (!found.empty() && found.front() == '-') return;
  std::string known;
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    if (verb->get_name() == found) return;
    known += (known.empty() ? "" : ", ") + verb->get_name();
  }
  throw invalid("expected a verb (" + known + "), found " +
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

// Whether the tool, or one of the verbs that were named, was asked for its help.
bool is_asked_for_help(const CLI::App* app) {
  while (app->get_help_ptr()->count() == 0) {
    if (app->get_subcommands().empty()) return false;
    app = app->get_subcommands().front();
  }
  return true;
}

int run(int argc, char** argv) {
  CLI::App app("Answers questions from passages that were encoded once.", "deformer");
  app.formatter(std::make_shared<HelpFormatter>());
  const std::vector<Verb> verbs = add_verbs(app);
  app.set_version_flag("--version", std::string("deformer ") + version());
  app.footer(kFooter);
  app.require_subcommand(1);
  require_known_verb(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion& call) {
    print(std::string(call.what()) + "\n");
    return kExitOk;
  } catch (const std::exception&) {
    // CLI::CallForHelp, or what is wrong with another option: whoever asks for help may need it.
    if (!is_asked_for_help(&app)) throw;
    print(innermost(&app)->help());
    return kExitOk;
  }
  const AdaptiveWaiting waiting;
  for (const Verb& verb : verbs) {
    if (verb.app->parsed()) return verb.run();
  }
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
