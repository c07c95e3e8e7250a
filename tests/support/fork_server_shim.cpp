// Loaded with LD_PRELOAD, makes a program a fork server: it stands in for the function of the C
// library that calls main(), when all libraries are loaded and their constructors have run.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>
#include <vector>

#include "support/fork_server_protocol.h"

namespace deformer::test {
namespace {

using Main = int (*)(int, char**, char**);

Main real_main = nullptr;

struct Received {
  ForkRequest request;
  std::array<int, 3> streams{-1, -1, -1};
};

// False when the tests are over.
bool receive(int socket, Received& received) {
  DescriptorRoom room;
  iovec part{&received.request, sizeof(received.request)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes.data();
  message.msg_controllen = room.bytes.size();
  if (::recvmsg(socket, &message, 0) != static_cast<ssize_t>(sizeof(received.request)))
    return false;
  std::array<int, 3> descriptors{};
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
    std::memcpy(descriptors.data(), CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    received.streams[i] = received.request.has_stream[i] ? descriptors[next++] : -1;
  }
  return true;
}

void close_streams(const Received& received) {
  for (const int stream : received.streams) {
    if (stream >= 0) ::close(stream);
  }
}

// Forks twice: the process between ends, so the new one becomes a child of the tests, which adopt
// their children's orphans. Returns 0 in the new process, else its pid.
pid_t fork_for_the_tests() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) std::abort();
  const pid_t between = ::fork();
  if (between == 0) {
    const pid_t pid = ::fork();
    if (pid != 0) {
      const ssize_t written = ::write(ends[1], &pid, sizeof(pid));
      ::_exit(written == sizeof(pid) ? 0 : 1);
    }
    ::close(ends[0]);
    ::close(ends[1]);
    return 0;
  }
  pid_t pid = -1;
  if (between < 0 || ::waitpid(between, nullptr, 0) != between ||
      ::read(ends[0], &pid, sizeof(pid)) != sizeof(pid)) {
    std::abort();
  }
  ::close(ends[0]);
  ::close(ends[1]);
  return pid;
}

void take_over(const Received& received) {
  for (int target = 0; target < 3; ++target) {
    const int stream = received.streams[static_cast<std::size_t>(target)];
    if (stream < 0) {
      ::close(target);
    } else {
      ::dup2(stream, target);
    }
  }
  close_streams(received);
  if (received.request.file_size == RLIM_INFINITY) return;
  const rlimit limit{received.request.file_size, received.request.file_size};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

int run(Received& received, char** environment) {
  take_over(received);
  std::vector<char*> argv;
  for (char* word = received.request.arguments.data(); *word != '\0';
       word += std::strlen(word) + 1) {
    argv.push_back(word);
  }
  argv.push_back(nullptr);
  return real_main(static_cast<int>(argv.size()) - 1, argv.data(), environment);
}

int serve(int argc, char** argv, char** environment) {
  const char* const value = std::getenv(kForkServerVariable);
  if (value == nullptr) return real_main(argc, argv, environment);
  const int socket = std::atoi(value);
  ::unsetenv(kForkServerVariable);
  ::unsetenv("LD_PRELOAD");
  static Received received;
  while (receive(socket, received)) {
    const pid_t pid = fork_for_the_tests();
    if (pid == 0) {
      ::close(socket);
      return run(received, environ);
    }
    close_streams(received);
    if (::write(socket, &pid, sizeof(pid)) != sizeof(pid)) break;
  }
  ::_exit(0);
}

}  // namespace
}  // namespace deformer::test

// NOLINTNEXTLINE(bugprone-reserved-identifier): the C library's own.
extern "C" __attribute__((visibility("default"))) int __libc_start_main(
    deformer::test::Main main, int argc, char** argv, void (*init)(), void (*fini)(),
    void (*rtld_fini)(), void* stack_end) {
  using Start = decltype(&__libc_start_main);
  const auto start = reinterpret_cast<Start>(::dlsym(RTLD_NEXT, "__libc_start_main"));
  deformer::test::real_main = main;
  return start(deformer::test::serve, argc, argv, init, fini, rtld_fini, stack_end);
}
