#include "store/redis_server.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "support/free_port.h"

namespace deformer::test {
namespace {

constexpr const char* kProgram = "/usr/bin/redis-server";
constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::milliseconds kStep{5};

[[noreturn]] void become(const std::vector<std::string>& command) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (const int stream : {0, 1, 2}) ::dup2(nowhere, stream);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ::_exit(127);
}

template <typename Condition>
void wait_for(const char* what, Condition&& is_true) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!is_true()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error(what);
    std::this_thread::sleep_for(kStep);
  }
}

}  // namespace

std::string why_no_redis() {
  if (::access(kProgram, X_OK) == 0) return {};
  return std::string("needs ") + kProgram + " (Debian: redis-server)";
}

RedisServer::RedisServer(std::vector<std::string> arguments, bool is_cluster)
    : arguments_(std::move(arguments)),
      is_cluster_(is_cluster),
      port_(free_port()),
      bus_port_(is_cluster ? free_port() : 0) {
  start();
}

RedisServer::~RedisServer() {
  kill();
}

std::string RedisServer::uri(const std::string& prefix) const {
  return "redis://" + address() + "/" + prefix;
}

void RedisServer::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::start() {
  std::vector<std::string> command{kProgram,
                                   "--port",
                                   std::to_string(port_),
                                   "--bind",
                                   "127.0.0.1",
                                   "--save",
                                   "",
                                   "--appendonly",
                                   "no",
                                   "--dir",
                                   directory_.path().string()};
  if (is_cluster_) {
    const std::vector<std::string> more{"--cluster-enabled",      "yes",
                                        "--cluster-port",         std::to_string(bus_port_),
                                        "--cluster-node-timeout", "2000"};
    command.insert(command.end(), more.begin(), more.end());
  }
  command.insert(command.end(), arguments_.begin(), arguments_.end());
  pid_ = ::fork();
  if (pid_ == 0) become(command);
  wait_until_ready();
}

void RedisServer::stop() const {
  ::kill(pid_, SIGSTOP);
}

void RedisServer::go_on() const {
  ::kill(pid_, SIGCONT);
}

RedisReply RedisServer::run(const RedisWords& command) const {
  RedisConnection connection({"127.0.0.1", port_}, {});
  return connection.run(command);
}

void RedisServer::wait_until_ready() const {
  wait_for("redis-server does not answer", [&] {
    try {
      const RedisReply reply = run({"PING"});
      return !reply.text().starts_with("LOADING");
    } catch (const Error&) {
      if (::waitpid(pid_, nullptr, WNOHANG) != 0) throw std::runtime_error("redis-server ended");
      return false;
    }
  });
}

RedisClusterServers::RedisClusterServers() {
  for (auto& node : nodes_) node = std::make_unique<RedisServer>(std::vector<std::string>{}, true);
  share_slots();
  wait_until_up();
}

std::size_t RedisClusterServers::first_owner(unsigned slot) {
  return slot * 3 / 16384;
}

std::string RedisClusterServers::node_id(std::size_t index) const {
  return std::string(nodes_.at(index)->run({"CLUSTER", "MYID"}).text());
}

void RedisClusterServers::share_slots() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    unsigned first = 0;
    while (first_owner(first) < i) ++first;
    unsigned last = first;
    while (last + 1 < 16384 && first_owner(last + 1) == i) ++last;
    const std::string begin = std::to_string(first);
    const std::string end = std::to_string(last);
    const std::string epoch = std::to_string(i + 1);
    static_cast<void>(nodes_[i]->run({"CLUSTER", "ADDSLOTSRANGE", begin, end}));
    static_cast<void>(nodes_[i]->run({"CLUSTER", "SET-CONFIG-EPOCH", epoch}));
  }
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    const std::string port = std::to_string(nodes_[i]->port());
    const std::string bus = std::to_string(nodes_[i]->bus_port());
    static_cast<void>(nodes_[0]->run({"CLUSTER", "MEET", "127.0.0.1", port, bus}));
  }
}

void RedisClusterServers::wait_until_up() {
  wait_for("the cluster does not come up", [&] {
    for (const auto& node : nodes_) {
      const RedisReply info = node->run({"CLUSTER", "INFO"});
      if (info.text().find("cluster_state:ok") == std::string_view::npos ||
          info.text().find("cluster_known_nodes:3") == std::string_view::npos) {
        return false;
      }
    }
    return true;
  });
}

}  // namespace deformer::test
