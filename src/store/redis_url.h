// redis://[user:password@]host[:port][/database][/prefix][?options]
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <tuple>

namespace deformer {

struct RedisEndpoint {
  std::string host;
  int port = 6379;

  friend bool operator==(const RedisEndpoint&, const RedisEndpoint&) = default;
  friend bool operator<(const RedisEndpoint& a, const RedisEndpoint& b) {
    return std::tie(a.host, a.port) < std::tie(b.host, b.port);
  }
};

/// "host:port", an IPv6 address in brackets.
[[nodiscard]] std::string to_string(const RedisEndpoint& endpoint);

/// How to speak to each server.
struct RedisOptions {
  std::string user;      ///< empty: the server's default user
  std::string password;  ///< empty: no AUTH
  int database = 0;      ///< selected on every connection
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds timeout{10000};  ///< of one read or write
  int retries = 4;                           ///< after a lost connection, with growing pauses
};

struct RedisUrl {
  RedisEndpoint endpoint;
  std::string prefix = "deformer";
  RedisOptions options;
  /// The path as written, when it is a database's number alone: it once meant a prefix.
  std::string lone_number = {};
};

/// Parses what follows "redis:", that is "//host...". A first part of the path that is a number is
/// the database. User, password and prefix are percent-decoded. Throws kInvalidArgument; the
/// message never shows the password.
[[nodiscard]] RedisUrl parse_redis_url(std::string_view rest);

/// The URL without user, password and options: for messages, and to open the same store.
[[nodiscard]] std::string to_string(const RedisUrl& url);

}  // namespace deformer
