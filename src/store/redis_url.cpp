#include "store/redis_url.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/quote.h"
#include "deformer/error.h"
#include "store/passage_check.h"

namespace deformer {
namespace {

[[noreturn]] void fail_url(const std::string& message) {
  throw Error(
      ErrorCode::kInvalidArgument,
      "store: " + message +
          "; the form is redis://[user:password@]host[:port][/database][/prefix][?options]");
}

// What stands before `mark`, which is taken out of `text`; nothing when there is no mark.
std::optional<std::string_view> take_until(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at + 1);
  return before;
}

int parse_number(std::string_view text, int lowest, int highest, const char* what) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < lowest || number > highest) {
    fail_url(std::string("expected ") + what + " from " + std::to_string(lowest) + " to " +
             std::to_string(highest) + ", found " + in_quotes(text));
  }
  return number;
}

std::string percent_decoded(std::string_view text, const char* what) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) {
      fail_url(std::string("expected two hexadecimal digits after % in the ") + what);
    }
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

void read_credentials(std::string_view credentials, RedisOptions& options) {
  const auto user = take_until(credentials, ':');
  if (!user) fail_url("expected user:password before the @");
  options.user = percent_decoded(*user, "user");
  options.password = percent_decoded(credentials, "password");
  if (options.password.empty()) fail_url("expected a password before the @");
}

RedisEndpoint parse_endpoint(std::string_view text) {
  RedisEndpoint endpoint;
  std::string_view port;
  if (text.starts_with('[')) {
    text.remove_prefix(1);
    const auto host = take_until(text, ']');
    if (!host || !(text.empty() || text.starts_with(':'))) fail_url("expected [address]:port");
    endpoint.host = *host;
    port = text;
  } else {
    const std::size_t colon = text.find(':');
    endpoint.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  const bool is_plain = std::all_of(endpoint.host.begin(), endpoint.host.end(),
                                    [](char c) { return c > ' ' && c != 0x7f; });
  if (endpoint.host.empty() || !is_plain) fail_url("expected a host");
  if (!port.empty()) endpoint.port = parse_number(port.substr(1), 1, 65535, "a port");
  return endpoint;
}

// Throws without a word of the text.
void require_endpoint(std::string_view text) {
  try {
    static_cast<void>(parse_endpoint(text));
  } catch (const Error&) {
    fail_url("expected a host and a port before the first ?, which a password has as %3F");
  }
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A URL, and the prefix that it states.
struct StatedUrl {
  RedisUrl url;
  std::optional<std::string> prefix;
};

void state_prefix(std::string_view text, StatedUrl& stated) {
  const std::string prefix = percent_decoded(text, "prefix");
  if (stated.prefix.value_or(prefix) != prefix) {
    fail_url("expected one prefix, found " + in_quotes(*stated.prefix) + " and " +
             in_quotes(prefix));
  }
  stated.prefix = prefix;
}

// What follows the first slash: database, database/prefix, or prefix.
void read_path(std::string_view path, StatedUrl& stated) {
  RedisUrl& url = stated.url;
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::string_view first = path.substr(0, slash);
  if (is_number(first)) {
    url.options.database =
        parse_number(first, 0, std::numeric_limits<int>::max(), "a database's number");
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (path.empty()) url.lone_number = first;
  }
  if (!path.empty()) state_prefix(path, stated);
}

void read_option(std::string_view option, StatedUrl& stated) {
  constexpr int kDay = 24 * 60 * 60 * 1000;
  RedisOptions& options = stated.url.options;
  const std::string_view value = option.substr(std::min(option.find('=') + 1, option.size()));
  if (option.starts_with("timeout_ms=")) {
    options.timeout = std::chrono::milliseconds(parse_number(value, 1, kDay, "timeout_ms"));
  } else if (option.starts_with("connect_timeout_ms=")) {
    options.connect_timeout =
        std::chrono::milliseconds(parse_number(value, 1, kDay, "connect_timeout_ms"));
  } else if (option.starts_with("retries=")) {
    options.retries = parse_number(value, 0, 100, "retries");
  } else if (option.starts_with("prefix=")) {
    if (value.empty()) fail_url("expected a prefix after prefix=");
    state_prefix(value, stated);
    stated.url.lone_number.clear();
  } else {
    // The name alone: what is behind it may be a password.
    const std::string_view name = option.substr(0, std::min(option.find('='), option.find('@')));
    fail_url("expected the options prefix, timeout_ms, connect_timeout_ms and retries, found " +
             (option.find('@') == std::string_view::npos ? in_quotes(name) : "others"));
  }
}

// What would read as another part of a URL, or breaks a line, is written as %XX.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kPlain = " -._~/:+!$'()*,;=";
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || byte >= 0x80 || kPlain.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded.append({'%', kDigits[byte >> 4U], kDigits[byte & 15U]});
    }
  }
  return encoded;
}

}  // namespace

std::string to_string(const RedisEndpoint& endpoint) {
  const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + endpoint.host + "]" : endpoint.host;
  return host + ":" + std::to_string(endpoint.port);
}

std::string to_string(const RedisUrl& url) {
  // A prefix that looks like a database stands behind one.
  const bool with_database =
      url.options.database != 0 ||
      is_number(std::string_view(url.prefix).substr(0, url.prefix.find('/')));
  const std::string database =
      with_database ? std::to_string(url.options.database) + "/" : std::string();
  return "redis://" + to_string(url.endpoint) + "/" + database + percent_encoded(url.prefix);
}

RedisUrl parse_redis_url(std::string_view rest) {
  if (!rest.starts_with("//")) fail_url("expected //host after redis:");
  rest.remove_prefix(2);
  StatedUrl stated;
  RedisUrl& url = stated.url;
  std::string_view options;
  if (const auto before = take_until(rest, '?')) {
    options = rest;
    rest = *before;
  }
  // The last @: one inside a password need not be escaped.
  const std::size_t credentials_end = rest.rfind('@');
  if (credentials_end != std::string_view::npos) {
    read_credentials(rest.substr(0, credentials_end), url.options);
    rest.remove_prefix(credentials_end + 1);
  }
  if (const auto before = take_until(rest, '/')) {
    read_path(rest, stated);
    rest = *before;
  }
  // An @ behind the ? may end a password, of which `rest` then has the beginning.
  if (credentials_end == std::string_view::npos && options.find('@') != std::string_view::npos) {
    require_endpoint(rest);
  }
  url.endpoint = parse_endpoint(rest);
  while (const auto option = take_until(options, '&')) read_option(*option, stated);
  if (!options.empty()) read_option(options, stated);
  if (stated.prefix) url.prefix = *std::move(stated.prefix);
  return std::move(stated.url);
}

}  // namespace deformer
