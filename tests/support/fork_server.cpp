#include "support/fork_server.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "support/fork_server_protocol.h"

// With a sanitizer there is no server.
#ifndef DEFORMER_FORK_SERVER_SHIM
#define DEFORMER_FORK_SERVER_SHIM ""
#endif

namespace deformer::test {
namespace {

std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  std::sort(variables.begin(), variables.end());
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

// Ends with its socket, and so with the tests.
class ForkServer {
 public:
  explicit ForkServer(const std::string& program) : environment_(environment()) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      throw std::runtime_error("fork server: socketpair failed");
    }
    socket_ = ends[0];
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::vector<std::string> command{program};
    std::vector<std::string> variables = environment_;
    variables.push_back("LD_PRELOAD=" DEFORMER_FORK_SERVER_SHIM);
    variables.push_back(std::string(kForkServerVariable) + "=" + std::to_string(ends[1]));
    const std::vector<char*> argv = pointers(command);
    const std::vector<char*> envp = pointers(variables);
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("fork server: fork failed");
    if (pid == 0) {
      ::fcntl(ends[1], F_SETFD, 0);
      ::execve(argv[0], argv.data(), envp.data());
      ::_exit(127);
    }
    ::close(ends[1]);
  }
  ~ForkServer() { ::close(socket_); }
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  [[nodiscard]] pid_t start(const ProgramStart& start) const {
    ForkRequest request{};
    if (environment() != environment_ || !put_arguments(start.command, request)) return -1;
    request.file_size = start.file_size;
    send(request, start.streams);
    pid_t pid = -1;
    if (::read(socket_, &pid, sizeof(pid)) != sizeof(pid)) {
      throw std::runtime_error("fork server: " + start.command[0] + " ended");
    }
    return pid;
  }

 private:
  // False when they do not fit; an empty argument would end them.
  static bool put_arguments(const std::vector<std::string>& command, ForkRequest& request) {
    std::size_t used = 0;
    for (const std::string& word : command) {
      if (word.empty() || used + word.size() + 2 > request.arguments.size()) return false;
      word.copy(request.arguments.data() + used, word.size());
      used += word.size() + 1;
    }
    return true;
  }

  void send(ForkRequest& request, const std::array<int, 3>& streams) const {
    std::vector<int> open;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      request.has_stream[i] = streams[i] >= 0;
      if (streams[i] >= 0) open.push_back(streams[i]);
    }
    DescriptorRoom room;
    iovec part{&request, sizeof(request)};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = room.bytes.data();
    message.msg_controllen = CMSG_SPACE(open.size() * sizeof(int));
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(open.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), open.data(), open.size() * sizeof(int));
    if (::sendmsg(socket_, &message, MSG_NOSIGNAL) < 0) {
      throw std::runtime_error("fork server: sendmsg failed");
    }
  }

  int socket_ = -1;
  std::vector<std::string> environment_;
};

std::map<std::string, ForkServer>& servers() {
  static std::map<std::string, ForkServer> all;
  return all;
}

}  // namespace

void keep_fork_server(const std::string& program) {
  constexpr bool kHasShim = sizeof(DEFORMER_FORK_SERVER_SHIM) > 1;
  if (kHasShim) servers().try_emplace(program, program);
}

pid_t start_by_fork(const ProgramStart& start) {
  const auto found = servers().find(start.command[0]);
  return found == servers().end() ? -1 : found->second.start(start);
}

}  // namespace deformer::test
