// Commands to the server that owns their key: a single server or a Redis Cluster.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/redis_connection.h"
#include "store/redis_url.h"

namespace deformer {

inline constexpr std::size_t kRedisSlots = 16384;

/// Slot of a key: CRC16 (XMODEM) of its hash tag, {..}, or of the whole key, modulo 16384.
[[nodiscard]] std::uint16_t redis_slot(std::string_view key) noexcept;

struct RedisCommand {
  RedisWords words;
  std::string_view key;  ///< decides which server gets it
};

/// What may be done when a connection is lost after a command was sent.
enum class RedisRepeat {
  kAllowed,  ///< running it twice leaves the same state and gives the same reply
  kNever,
  kWithLast,  ///< as kAllowed; the last command is answered after all others, for which it is
              ///< repeated after those that had to be
};

/// Safe for concurrent calls: each borrows connections from a pool. A forked process makes its own.
class RedisCluster {
 public:
  /// Connects at the first command.
  RedisCluster(RedisEndpoint seed, RedisOptions options);

  /// Runs commands in pipelines and returns their replies in order. Redirects of a cluster are
  /// followed, lost connections made anew with growing pauses. Throws kIo naming the server when
  /// that does not help, and for an error reply of the server (its text is kept);
  /// kResourceExhausted when it is out of memory; kIncompatible when the key is of another type.
  [[nodiscard]] std::vector<RedisReply> run(std::span<const RedisCommand> commands,
                                            RedisRepeat repeat = RedisRepeat::kAllowed);
  [[nodiscard]] RedisReply run(const RedisCommand& command);

 private:
  struct Batch;
  struct Target;

  void send_round(Batch& batch);
  void send(Batch& batch, const Target& target, std::span<const std::size_t> indices);
  void sort_replies(Batch& batch, const RedisEndpoint& from, std::span<const std::size_t> indices,
                    std::span<const RedisReply> replies);
  void redirect(Batch& batch, const RedisEndpoint& from, std::size_t index, std::string_view error);
  void pause_or_throw(Batch& batch);

  [[nodiscard]] RedisEndpoint owner_of(std::uint16_t slot) const;
  void set_owner(std::uint16_t slot, const RedisEndpoint& endpoint);
  void learn_slots(const RedisEndpoint& first);
  bool learn_slots_from(const RedisEndpoint& endpoint);

  [[nodiscard]] std::unique_ptr<RedisConnection> borrow(const RedisEndpoint& endpoint,
                                                        RedisRepeat repeat);
  void give_back(const RedisEndpoint& endpoint, std::unique_ptr<RedisConnection> connection);
  void drop_idle(const RedisEndpoint& endpoint);
  void drop_inherited();

  const RedisEndpoint seed_;
  const RedisOptions options_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<RedisEndpoint, std::vector<std::unique_ptr<RedisConnection>>> idle_;
  pid_t process_ = 0;                  // which made those that are idle
  std::vector<std::uint16_t> owners_;  // by slot, into nodes_; empty: no cluster, all at the seed
  std::vector<RedisEndpoint> nodes_;
};

}  // namespace deformer
