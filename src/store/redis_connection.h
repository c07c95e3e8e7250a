// One connection to one server, and its replies: the only place that knows hiredis.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/error.h"
#include "store/redis_url.h"

struct redisContext;
struct redisReply;

namespace deformer {

/// A command's words; views.
using RedisWords = std::vector<std::string_view>;

/// What a server answered. Immutable; copies share the memory.
class RedisReply {
 public:
  RedisReply() = default;
  explicit RedisReply(std::shared_ptr<const redisReply> reply) : reply_(std::move(reply)) {}

  [[nodiscard]] bool is_null() const noexcept;
  [[nodiscard]] bool is_error() const noexcept;
  [[nodiscard]] bool is_text() const noexcept;  ///< a bulk string or a status
  [[nodiscard]] bool is_integer() const noexcept;
  [[nodiscard]] bool is_array() const noexcept;
  /// Of a text or an error, else "".
  [[nodiscard]] std::string_view text() const noexcept;
  [[nodiscard]] long long integer() const noexcept;
  /// Elements of an array; each keeps the whole reply alive.
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] RedisReply operator[](std::size_t index) const;
  /// Keeps the memory behind text() alive.
  [[nodiscard]] std::shared_ptr<const void> owner() const noexcept { return reply_; }

 private:
  std::shared_ptr<const redisReply> reply_;
};

/// What a server said, fit for a message: a long text is cut.
[[nodiscard]] std::string server_text(std::string_view text);

/// The connection could not be made or was lost: kIo, naming the server.
class RedisConnectionError : public Error {
 public:
  enum class Kind { kLost, kTimeout };

  RedisConnectionError(Kind kind, const std::string& message)
      : Error(ErrorCode::kIo, message), kind_(kind) {}

  [[nodiscard]] Kind kind() const noexcept { return kind_; }

 private:
  Kind kind_;
};

/// Not safe for concurrent calls. After a RedisConnectionError it is of no more use.
class RedisConnection {
 public:
  /// Connects, authenticates and selects the database. Throws RedisConnectionError, kIo when the
  /// server refuses the password, kInvalidArgument when it has no such database.
  RedisConnection(const RedisEndpoint& endpoint, const RedisOptions& options);

  /// Sends all commands, then reads all replies, which may be errors of the server.
  [[nodiscard]] std::vector<RedisReply> run(std::span<const RedisWords> commands);
  [[nodiscard]] RedisReply run(const RedisWords& command);

 private:
  struct Close {
    void operator()(redisContext* context) const noexcept;
  };
  void authenticate(const RedisOptions& options);
  void select(int database);
  [[noreturn]] void fail(const char* action) const;

  const std::string name_;  // "redis://host:port"
  const std::chrono::milliseconds timeout_;
  std::unique_ptr<redisContext, Close> context_;
};

}  // namespace deformer
