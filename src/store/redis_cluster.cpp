#include "store/redis_cluster.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include "deformer/error.h"

namespace deformer {
namespace {

// Large enough to hide the round trip, small enough to bound what a server has to buffer.
constexpr std::size_t kCommandsOfPipeline = 256;
constexpr std::size_t kBytesOfPipeline = std::size_t{8} << 20;
constexpr int kMostRedirects = 16;
constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{2000};

std::size_t bytes_of(const RedisCommand& command) {
  std::size_t bytes = 0;
  for (const std::string_view word : command.words) bytes += word.size();
  return bytes;
}

// How many of the commands go into the next pipeline.
std::size_t pipeline_length(std::span<const RedisCommand> commands,
                            std::span<const std::size_t> indices) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (; count < std::min(indices.size(), kCommandsOfPipeline); ++count) {
    bytes += bytes_of(commands[indices[count]]);
    if (count > 0 && bytes > kBytesOfPipeline) break;
  }
  return count;
}

std::vector<RedisReply> send_pipeline(RedisConnection& connection,
                                      std::span<const RedisCommand> commands,
                                      std::span<const std::size_t> indices, bool asking) {
  std::vector<RedisWords> words;
  for (const std::size_t index : indices) {
    if (asking) words.push_back({"ASKING"});
    words.push_back(commands[index].words);
  }
  std::vector<RedisReply> replies = connection.run(words);
  for (std::size_t i = 0; asking && i < indices.size(); ++i) replies[i] = replies[2 * i + 1];
  return replies;
}

// Nothing that would break a message or a look-up.
bool is_host(std::string_view text) {
  constexpr std::size_t kLongest = 255;
  return !text.empty() && text.size() <= kLongest &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// As a server names another; an absent host stands for the one that answered.
std::optional<RedisEndpoint> make_endpoint(std::string_view host, long long port,
                                           const RedisEndpoint& from) {
  if (host.empty() || host == "?") host = from.host;
  if (!is_host(host) || port < 1 || port > 65535) return std::nullopt;
  return RedisEndpoint{std::string(host), static_cast<int>(port)};
}

// "MOVED 3999 127.0.0.1:6381" or "ASK ...".
std::optional<RedisEndpoint> parse_redirect(std::string_view error, const RedisEndpoint& from) {
  const std::size_t blank = error.rfind(' ');
  const std::size_t colon = error.rfind(':');
  if (blank == std::string_view::npos || colon == std::string_view::npos || colon < blank) {
    return std::nullopt;
  }
  const char* end = error.data() + error.size();
  long long port = 0;
  const auto parsed = std::from_chars(error.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return make_endpoint(error.substr(blank + 1, colon - blank - 1), port, from);
}

bool is_passing(std::string_view error) {
  return error.starts_with("TRYAGAIN") || error.starts_with("CLUSTERDOWN") ||
         error.starts_with("LOADING") || error.starts_with("MASTERDOWN");
}

ErrorCode code_of(std::string_view error) {
  if (error.starts_with("OOM")) return ErrorCode::kResourceExhausted;
  if (error.starts_with("WRONGTYPE")) return ErrorCode::kIncompatible;
  return ErrorCode::kIo;
}

std::uint16_t crc16(std::string_view bytes) noexcept {
  unsigned crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000U) != 0 ? 0x1021U : 0U);
    crc &= 0xffffU;
  }
  return static_cast<std::uint16_t>(crc);
}

}  // namespace

std::uint16_t redis_slot(std::string_view key) noexcept {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return static_cast<std::uint16_t>(crc16(key) % kRedisSlots);
}

// Where commands go in one round. With `asking` the server takes them for a slot it is receiving.
struct RedisCluster::Target {
  RedisEndpoint endpoint;
  bool asking = false;

  friend bool operator<(const Target& a, const Target& b) {
    return std::tie(a.endpoint, a.asking) < std::tie(b.endpoint, b.asking);
  }
};

// One call of run(): what is done, what is still to do, what has gone wrong.
struct RedisCluster::Batch {
  std::span<const RedisCommand> commands;
  RedisRepeat repeat = RedisRepeat::kAllowed;
  std::vector<RedisReply> replies = {};
  std::vector<std::size_t> waiting = {};            // to be routed by their slot
  std::map<std::size_t, RedisEndpoint> asked = {};  // to go elsewhere this once
  std::optional<RedisEndpoint> moved_to = {};       // this round
  std::optional<Error> trouble = {};                // this round; may pass
  int redirects = 0;
  int attempts = 0;

  [[nodiscard]] bool is_done() const { return waiting.empty() && asked.empty(); }
  [[nodiscard]] std::size_t last() const { return commands.size() - 1; }
  // Answered or not; where it waits already, it comes last as well.
  void let_last_wait() {
    const bool waits = asked.contains(last()) ||
                       std::find(waiting.begin(), waiting.end(), last()) != waiting.end();
    if (!waits) waiting.push_back(last());
  }
};

RedisCluster::RedisCluster(RedisEndpoint seed, RedisOptions options)
    : seed_(std::move(seed)), options_(std::move(options)) {}

RedisReply RedisCluster::run(const RedisCommand& command) {
  return run(std::span(&command, 1)).front();
}

std::vector<RedisReply> RedisCluster::run(std::span<const RedisCommand> commands,
                                          RedisRepeat repeat) {
  Batch batch{.commands = commands, .repeat = repeat};
  batch.replies.resize(commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) batch.waiting.push_back(i);
  while (!batch.is_done()) {
    send_round(batch);
    if (batch.moved_to) learn_slots(*std::exchange(batch.moved_to, std::nullopt));
    if (batch.trouble) pause_or_throw(batch);
    if (repeat == RedisRepeat::kWithLast && !batch.is_done()) batch.let_last_wait();
  }
  return std::move(batch.replies);
}

// One server after the other; that of the last command comes last.
void RedisCluster::send_round(Batch& batch) {
  std::map<Target, std::vector<std::size_t>> groups;
  for (const std::size_t index : std::exchange(batch.waiting, {})) {
    groups[{owner_of(redis_slot(batch.commands[index].key)), false}].push_back(index);
  }
  for (const auto& [index, endpoint] : std::exchange(batch.asked, {})) {
    groups[{endpoint, true}].push_back(index);
  }
  const auto end = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
    return group.second.back() == batch.last();
  });
  for (auto group = groups.begin(); group != groups.end(); ++group) {
    if (group != end) send(batch, group->first, group->second);
  }
  if (end != groups.end()) send(batch, end->first, end->second);
}

void RedisCluster::send(Batch& batch, const Target& target, std::span<const std::size_t> indices) {
  bool sent = false;
  try {
    auto connection = borrow(target.endpoint, batch.repeat);
    while (!indices.empty()) {
      const auto part = indices.first(pipeline_length(batch.commands, indices));
      sent = true;
      const auto replies = send_pipeline(*connection, batch.commands, part, target.asking);
      sort_replies(batch, target.endpoint, part, replies);
      indices = indices.subspan(part.size());
    }
    give_back(target.endpoint, std::move(connection));
  } catch (const RedisConnectionError& error) {
    drop_idle(target.endpoint);
    const bool repeatable = batch.repeat != RedisRepeat::kNever || !sent;
    if (!repeatable || error.kind() == RedisConnectionError::Kind::kTimeout) throw;
    batch.trouble = error;
    batch.waiting.insert(batch.waiting.end(), indices.begin(), indices.end());
  }
}

void RedisCluster::sort_replies(Batch& batch, const RedisEndpoint& from,
                                std::span<const std::size_t> indices,
                                std::span<const RedisReply> replies) {
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const std::string_view text = replies[i].text();
    if (!replies[i].is_error()) {
      batch.replies[indices[i]] = replies[i];
    } else if (text.starts_with("MOVED ") || text.starts_with("ASK ")) {
      redirect(batch, from, indices[i], text);
    } else {
      const std::string message = "redis://" + to_string(from) + ": the server refuses " +
                                  std::string(batch.commands[indices[i]].words[0]) + ": " +
                                  server_text(text);
      if (!is_passing(text)) throw Error(code_of(text), message);
      batch.trouble = Error(ErrorCode::kIo, message);
      batch.waiting.push_back(indices[i]);
    }
  }
}

void RedisCluster::redirect(Batch& batch, const RedisEndpoint& from, std::size_t index,
                            std::string_view error) {
  const auto to = parse_redirect(error, from);
  const auto most = static_cast<int>(kMostRedirects * batch.commands.size());
  if (!to || ++batch.redirects > most) {
    throw Error(ErrorCode::kIo, "redis://" + to_string(from) +
                                    ": redirected without an end: " + server_text(error));
  }
  if (error.starts_with("ASK ")) {
    batch.asked.emplace(index, *to);
    return;
  }
  set_owner(redis_slot(batch.commands[index].key), *to);
  batch.moved_to = *to;
  batch.waiting.push_back(index);
}

void RedisCluster::pause_or_throw(Batch& batch) {
  const Error trouble = *std::exchange(batch.trouble, std::nullopt);
  if (batch.attempts >= options_.retries) throw trouble;
  const auto pause = std::min(kFirstPause * (1 << std::min(batch.attempts, 10)), kLongestPause);
  ++batch.attempts;
  std::this_thread::sleep_for(pause);
  // A failover may have given the lost server's slots to another.
  learn_slots(seed_);
}

RedisEndpoint RedisCluster::owner_of(std::uint16_t slot) const {
  const std::lock_guard lock(mutex_);
  return owners_.empty() ? seed_ : nodes_[owners_[slot]];
}

void RedisCluster::set_owner(std::uint16_t slot, const RedisEndpoint& endpoint) {
  const std::lock_guard lock(mutex_);
  if (owners_.empty()) {
    nodes_.assign(1, seed_);
    owners_.assign(kRedisSlots, 0);
  }
  const auto found = std::find(nodes_.begin(), nodes_.end(), endpoint);
  owners_[slot] = static_cast<std::uint16_t>(found - nodes_.begin());
  if (found == nodes_.end()) nodes_.push_back(endpoint);
}

// One redirect tells of one slot; the server it points to knows them all.
void RedisCluster::learn_slots(const RedisEndpoint& first) {
  std::vector<RedisEndpoint> candidates{first};
  {
    const std::lock_guard lock(mutex_);
    if (owners_.empty()) return;
    candidates.insert(candidates.end(), nodes_.begin(), nodes_.end());
  }
  std::set<RedisEndpoint> tried;
  for (const RedisEndpoint& candidate : candidates) {
    if (tried.insert(candidate).second && learn_slots_from(candidate)) return;
  }
}

bool RedisCluster::learn_slots_from(const RedisEndpoint& endpoint) {
  RedisReply reply;
  try {
    auto connection = borrow(endpoint, RedisRepeat::kAllowed);
    reply = connection->run({"CLUSTER", "SLOTS"});
    give_back(endpoint, std::move(connection));
  } catch (const Error&) {
    drop_idle(endpoint);
    return false;
  }
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const RedisReply range = reply[i];
    const RedisReply node = range[2];
    const auto owner = make_endpoint(node[0].text(), node[1].integer(), endpoint);
    const long long first = range[0].integer();
    const long long last = range[1].integer();
    if (!owner || first < 0 || last >= static_cast<long long>(kRedisSlots)) return false;
    for (long long slot = first; slot <= last; ++slot) {
      set_owner(static_cast<std::uint16_t>(slot), *owner);
    }
  }
  return reply.size() > 0;
}

std::unique_ptr<RedisConnection> RedisCluster::borrow(const RedisEndpoint& endpoint,
                                                      RedisRepeat repeat) {
  std::unique_ptr<RedisConnection> connection;
  {
    const std::lock_guard lock(mutex_);
    drop_inherited();
    auto& idle = idle_[endpoint];
    if (!idle.empty()) {
      connection = std::move(idle.back());
      idle.pop_back();
    }
  }
  // A connection may have died of idleness; what cannot be repeated wants a live one.
  if (connection && repeat == RedisRepeat::kNever) {
    try {
      static_cast<void>(connection->run({"PING"}));
    } catch (const RedisConnectionError&) {
      connection.reset();
    }
  }
  if (!connection) connection = std::make_unique<RedisConnection>(endpoint, options_);
  return connection;
}

void RedisCluster::give_back(const RedisEndpoint& endpoint,
                             std::unique_ptr<RedisConnection> connection) {
  const std::lock_guard lock(mutex_);
  idle_[endpoint].push_back(std::move(connection));
}

// Two processes on one connection would read each other's replies. Closing it here says nothing to
// the server, and the parent keeps it. The mutex is held.
void RedisCluster::drop_inherited() {
  const pid_t process = ::getpid();
  if (process == process_) return;
  idle_.clear();
  process_ = process;
}

void RedisCluster::drop_idle(const RedisEndpoint& endpoint) {
  const std::lock_guard lock(mutex_);
  idle_[endpoint].clear();
}

}  // namespace deformer
