#include "tools/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <system_error>

#include "base/system_error.h"
#include "tools/failure.h"

namespace deformer::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNoName = "expected the name of a file, or - for standard output, found \"\"";

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

void write_standard_output(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EPIPE) throw ClosedPipe();
    if (count < 0) throw_system_error("standard output", "write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

// Links and dots resolved as far as the path exists.
fs::path resolved(const std::string& path) {
  std::error_code error;
  // weakly_canonical() leaves a relative path that does not exist relative.
  const fs::path whole = fs::absolute(path, error);
  if (error) return path;
  fs::path place = fs::weakly_canonical(whole, error);
  return error ? whole.lexically_normal() : place;
}

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  return fs::is_regular_file(a, error) && fs::equivalent(a, b, error);
}

// Whether a directory's articles are read, and this is one: every *.txt file below it
// (load_race()).
bool is_article_of(const std::string& directory, const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(directory, error) || !fs::is_regular_file(path, error)) return false;
  return fs::path(path).extension() == ".txt" && is_within(path, directory);
}

}  // namespace

bool is_stdout(const std::string& path) {
  if (path == "-") return true;
  const fs::path normal = fs::path(path).lexically_normal();
  return normal == "/dev/stdout" || normal == "/dev/fd/1" || normal == "/proc/self/fd/1";
}

Output::Output(const std::string& path) {
  if (path.empty()) throw invalid(std::string("output: ") + kNoName);
  if (!is_stdout(path)) file_.emplace(path);
}

void Output::write(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBufferBytes) flush();
}

void Output::flush() {
  if (file_) {
    file_->write(buffer_);
  } else {
    write_standard_output(buffer_);
  }
  buffer_.clear();
}

void Output::commit() {
  flush();
  if (file_) file_->commit();
}

bool Output::is_terminal() const {
  return !file_ && ::isatty(STDOUT_FILENO) == 1;
}

bool is_pipe(const std::string& path) {
  std::error_code error;
  return fs::is_fifo(path, error);
}

CLI::Validator output_name() {
  return {[](const std::string& path) { return path.empty() ? kNoName : ""; }, ""};
}

bool is_within(const std::string& path, const std::string& directory) {
  const fs::path inner = resolved(path).lexically_relative(resolved(directory));
  return !inner.empty() && *inner.begin() != "..";
}

bool is_same_place(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return false;
  if (is_stdout(a) || is_stdout(b)) return is_stdout(a) && is_stdout(b);
  return resolved(a) == resolved(b);
}

void refuse_input_as_output(const std::vector<std::string>& inputs,
                            std::initializer_list<OutputOption> outputs) {
  for (const OutputOption& output : outputs) {
    const bool is_read =
        !is_stdout(output.path) &&
        std::any_of(inputs.begin(), inputs.end(), [&](const std::string& input) {
          return is_same_file(input, output.path) || is_article_of(input, output.path);
        });
    if (!is_read) continue;
    throw invalid(std::string(output.option) + ": expected another file than the input, found " +
                  output.path);
  }
}

void do_all(std::initializer_list<std::function<void()>> writes) {
  std::exception_ptr failure;
  std::exception_ptr closed;  // quiet, so it must not stand for what has to be told
  for (const std::function<void()>& write : writes) {
    try {
      write();
    } catch (const ClosedPipe&) {
      closed = std::current_exception();
    } catch (const std::exception&) {
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
  if (closed) std::rethrow_exception(closed);
}

void refuse_beside_json(const std::string& report, const std::string& found,
                        const std::string& option) {
  throw invalid("--json: expected stdout for " + report + ", found " + found +
                " there (name a file with " + option + ")");
}

}  // namespace deformer::tools
