// Records, stores, servers' replies, URIs.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/input_files.h"
#include "store/record.h"
#include "store/redis_connection.h"
#include "store/redis_url.h"

namespace deformer::fuzz {
namespace {

void read_one_record(Input input) {
  // As an LMDB page or a reply holds it: at any alignment, in memory of its own.
  const auto owner = std::make_shared<std::vector<std::byte>>(input.begin(), input.end());
  (void)record_hashes(*owner, "record");
  (void)decode_record(*owner, owner, "record");
}

// A damaged environment: opened, listed, read, checked.
void read_lmdb(Input input) {
  const std::filesystem::path directory = folder() / "store";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  write_file("store/data.mdb", input);
  const auto store = open_existing_passage_store("lmdb:" + directory.string());
  (void)store->info();
  const std::vector<std::string> ids = store->list_ids("", 100);
  // Of each by itself: one record's fault must not hide the next one's.
  for (const std::string& id : ids) {
    try {
      (void)store->hashes(std::vector{id});
      (void)store->get(std::vector{id});
    } catch (const Error&) {
    }
  }
  store->check();
}

// A server on the loopback interface that answers whatever it is told with the present input.
class Server {
 public:
  Server() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, plain, size) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, plain, &size) != 0) {
      throw std::runtime_error("cannot listen on the loopback interface");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void answer_with(Input input) {
    const std::lock_guard lock(mutex_);
    reply_.assign(as_text(input));
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  void serve() {
    for (int client = ::accept(listener_, nullptr, nullptr); client >= 0;
         client = ::accept(listener_, nullptr, nullptr)) {
      std::array<char, 4096> ignored{};
      if (::recv(client, ignored.data(), ignored.size(), 0) > 0) {
        const std::lock_guard lock(mutex_);
        (void)::send(client, reply_.data(), reply_.size(), MSG_NOSIGNAL);
      }
      ::shutdown(client, SHUT_WR);
      ::close(client);
    }
  }

  int listener_;
  int port_ = 0;
  std::mutex mutex_;
  std::string reply_;
  std::thread thread_;
};

void walk(const RedisReply& reply, int depth) {
  (void)server_text(reply.text());
  for (std::size_t i = 0; i < reply.size() && depth < 20; ++i) walk(reply[i], depth + 1);
}

// Only one connection: a cluster's replies name other servers to go to.
void read_replies(Input input) {
  static Server server;
  server.answer_with(input);
  RedisOptions options;
  options.timeout = std::chrono::milliseconds(200);
  RedisConnection connection({"127.0.0.1", server.port()}, options);
  const std::vector<RedisWords> commands{{"GET", "key"}, {"SCAN", "0"}};
  for (const RedisReply& reply : connection.run(commands)) walk(reply, 0);
}

void read_redis_url(Input input) {
  const RedisUrl url = parse_redis_url(as_text(input));
  // What is shown opens the same store.
  const std::string shown = to_string(url);
  if (parse_redis_url(shown.substr(shown.find(':') + 1)).prefix != url.prefix) {
    throw std::logic_error("another prefix after " + shown);
  }
}

void read_fingerprint(Input input) {
  (void)parse_fingerprint(as_text(input));
}

}  // namespace

std::span<const Target> store_targets() {
  static constexpr std::array kTargets{
      Target{"record", read_one_record},       Target{"lmdb", read_lmdb},
      Target{"redis_reply", read_replies},     Target{"redis_url", read_redis_url},
      Target{"fingerprint", read_fingerprint},
  };
  return kTargets;
}

}  // namespace deformer::fuzz
