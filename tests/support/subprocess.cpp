#include "support/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "support/fork_server.h"

namespace deformer::test {
namespace {

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("subprocess: ") + what + " failed");
}

// Ends that are closed unless taken.
struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() {
    std::array<int, 2> ends{};
    check(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe");
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    if (read_end >= 0) ::close(read_end);
    if (write_end >= 0) ::close(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int take_read() { return std::exchange(read_end, -1); }
  int take_write() { return std::exchange(write_end, -1); }
};

// Read end: our side. Write end: the program's.
void open_terminal(Pipe& pipe) {
  ::close(pipe.take_read());
  ::close(pipe.take_write());
  pipe.read_end = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  check(pipe.read_end >= 0 && ::grantpt(pipe.read_end) == 0 && ::unlockpt(pipe.read_end) == 0,
        "posix_openpt");
  pipe.write_end = ::open(::ptsname(pipe.read_end), O_RDWR | O_NOCTTY | O_CLOEXEC);
  check(pipe.write_end >= 0, "open of the terminal");
  const winsize size{24, 100, 0, 0};
  ::ioctl(pipe.read_end, TIOCSWINSZ, &size);
}

struct Streams {
  Pipe input;
  Pipe output;
  Pipe errors;
};

// In the child: only async-signal-safe calls.
[[noreturn]] void become(char* const* argv, const ProgramStart& program) {
  for (int target = STDIN_FILENO; target <= STDERR_FILENO; ++target) {
    const int stream = program.streams[static_cast<std::size_t>(target)];
    if (stream < 0) {
      ::close(target);
    } else {
      ::dup2(stream, target);
    }
  }
  if (program.file_size != RLIM_INFINITY) {
    const rlimit limit{program.file_size, program.file_size};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ::signal(SIGPIPE, SIG_DFL);
  ::execv(argv[0], argv);
  ::_exit(127);
}

pid_t start(const ProgramStart& program) {
  const pid_t forked = start_by_fork(program);
  if (forked > 0) return forked;
  std::vector<char*> argv;
  for (const std::string& word : program.command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  check(pid >= 0, "fork");
  if (pid == 0) become(argv.data(), program);
  return pid;
}

// Closed when the program has it.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path)
      : descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    check(descriptor_ >= 0, "open of the output");
  }
  ~OutputFile() { ::close(descriptor_); }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

pid_t start(const std::vector<std::string>& command, const Streams& streams,
            const ProcessOptions& options) {
  ProgramStart program{
      command, {streams.input.read_end, streams.output.write_end, streams.errors.write_end}};
  if (options.file_size_limit) program.file_size = *options.file_size_limit;
  if (options.close_output) program.streams[1] = -1;
  if (!options.output_path) return start(program);
  const OutputFile file(*options.output_path);
  program.streams[1] = file.descriptor();
  return start(program);
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// False at the end. A terminal whose other side is closed reports EIO.
bool read_into(int descriptor, std::string& text) {
  std::array<char, 65536> chunk{};
  const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  text.append(chunk.data(), static_cast<std::size_t>(count));
  return true;
}

// Writes what the pipe takes; false when all is written or nobody reads.
bool write_some(int descriptor, std::string_view& rest) {
  const ssize_t count = ::write(descriptor, rest.data(), std::min<std::size_t>(rest.size(), 4096));
  if (count < 0) return errno == EINTR;
  rest.remove_prefix(static_cast<std::size_t>(count));
  return !rest.empty();
}

void exchange(Streams& streams, std::string_view input, ProcessResult& result) {
  int input_end = streams.input.take_write();
  int output_end = streams.output.read_end;
  int errors_end = streams.errors.read_end;
  while (output_end >= 0 || errors_end >= 0) {
    std::array<pollfd, 3> queries{
        {{input_end, POLLOUT, 0}, {output_end, POLLIN, 0}, {errors_end, POLLIN, 0}}};
    if (::poll(queries.data(), queries.size(), -1) < 0) continue;
    if (queries[0].revents != 0 && (input.empty() || !write_some(input_end, input))) {
      ::close(std::exchange(input_end, -1));
    }
    if (queries[1].revents != 0 && !read_into(output_end, result.out)) output_end = -1;
    if (queries[2].revents != 0 && !read_into(errors_end, result.err)) errors_end = -1;
  }
  if (input_end >= 0) ::close(input_end);
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& command, const ProcessOptions& options) {
  const auto old_handler = ::signal(SIGPIPE, SIG_IGN);
  Streams streams;
  if (options.terminal_errors) open_terminal(streams.errors);
  const pid_t pid = start(command, streams, options);
  ::close(streams.input.take_read());
  ::close(streams.output.take_write());
  ::close(streams.errors.take_write());
  ProcessResult result;
  exchange(streams, options.input, result);
  result.status = wait_for(pid);
  ::signal(SIGPIPE, old_handler);
  return result;
}

Process::Process(const std::vector<std::string>& command) {
  Streams streams;
  pid_ = start(command, streams, {});
  input_ = streams.input.take_write();
  output_ = streams.output.take_read();
  errors_ = streams.errors.take_read();
}

Process::~Process() {
  close_input();
  close_output();
  if (errors_ >= 0) ::close(errors_);
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  wait_for(pid_);
}

void Process::write(const std::string& text) const {
  std::string_view rest = text;
  while (!rest.empty() && write_some(input_, rest)) {
  }
}

std::optional<std::string> Process::read_line(std::chrono::seconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::size_t end = 0;
  while ((end = buffer_.find('\n')) == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd query{output_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&query, 1, static_cast<int>(left.count())) <= 0 ||
        !read_into(output_, buffer_)) {
      return std::nullopt;
    }
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

void Process::close_input() {
  if (input_ >= 0) ::close(std::exchange(input_, -1));
}

void Process::close_output() {
  if (output_ >= 0) ::close(std::exchange(output_, -1));
}

int Process::wait() {
  return wait_for(std::exchange(pid_, -1));
}

std::string Process::read_errors() const {
  std::string text;
  while (read_into(errors_, text)) {
  }
  return text;
}

}  // namespace deformer::test
