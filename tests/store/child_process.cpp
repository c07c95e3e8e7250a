#include "store/child_process.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <stdexcept>
#include <utility>

namespace deformer::test {
namespace {

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
  return ends;
}

[[noreturn]] void run_child(const std::function<void(const ChildProcess::Pipe&)>& body,
                            const ChildProcess::Pipe& pipe, int errors) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string message;
  try {
    body(pipe);
  } catch (const std::exception& error) {
    message = error.what();
    if (message.empty()) message = "exception";
  } catch (...) {
    message = "unknown exception";
  }
  if (::write(errors, message.data(), message.size()) < 0) ::_exit(2);
  ::_exit(message.empty() ? 0 : 1);
}

}  // namespace

void ChildProcess::Pipe::send(char signal) const {
  while (::write(write_, &signal, 1) < 0 && errno == EINTR) {
  }
}

char ChildProcess::Pipe::receive() const {
  char signal = 0;
  ssize_t size = 0;
  do {
    size = ::read(read_, &signal, 1);
  } while (size < 0 && errno == EINTR);
  return size == 1 ? signal : '\0';
}

ChildProcess::ChildProcess(const std::function<void(const Pipe&)>& body) {
  const auto down = make_pipe();
  const auto up = make_pipe();
  const auto errors = make_pipe();
  pid_ = ::fork();
  if (pid_ == 0) {
    for (const int end : {down[1], up[0], errors[0]}) ::close(end);
    run_child(body, Pipe(down[0], up[1]), errors[1]);
  }
  for (const int end : {down[0], up[1], errors[1]}) ::close(end);
  to_child_ = down[1];
  from_child_ = up[0];
  errors_ = errors[0];
  pipe_ = Pipe(from_child_, to_child_);
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    kill();
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int end : {to_child_, from_child_, errors_}) ::close(end);
}

void ChildProcess::kill() const {
  ::kill(pid_, SIGKILL);
}

std::string ChildProcess::wait() {
  std::string message;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t size = ::read(errors_, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    message.append(buffer.data(), static_cast<std::size_t>(size));
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  if (message.empty() && WEXITSTATUS(status) != 0)
    return "exit " + std::to_string(WEXITSTATUS(status));
  return message;
}

std::string run_in_child(const std::function<void()>& body) {
  ChildProcess child([&](const ChildProcess::Pipe&) { body(); });
  return child.wait();
}

}  // namespace deformer::test
