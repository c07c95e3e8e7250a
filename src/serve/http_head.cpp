#include "serve/http_head.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "serve/api.h"
#include "serve/server.h"

namespace deformer::serve {

namespace http = boost::beast::http;

namespace {

// A target as proxies are sent it, "http://host:port/path", names the host itself, whatever Host
// says (RFC 9112, 3.2.2). Leaves the path and gives the host; empty for "/path".
std::string take_host(std::string& target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(std::string_view(target).substr(0, scheme.size()), scheme)) continue;
    const std::size_t end = std::min(target.find_first_of("/?#", scheme.size()), target.size());
    std::string host = target.substr(scheme.size(), end - scheme.size());
    target.erase(0, end);
    if (target.empty() || target.front() != '/') target.insert(0, "/");
    return host;
  }
  return {};
}

std::optional<ApiError> fault_of_encoding(const http::request<http::string_body>& message) {
  const auto [begin, end] = message.equal_range(http::field::transfer_encoding);
  if (begin == end) return std::nullopt;
  const std::string found(begin->value());
  if (std::next(begin) == end && equal_ignoring_case(found, "chunked")) return std::nullopt;
  return ApiError{400, "invalid_http", "Transfer-Encoding: expected chunked alone, found another"};
}

}  // namespace

Request head_of(const http::request<http::string_body>& message, const std::string& remote) {
  Request request;
  // No known one is longer: a longer one is not repeated whole in messages and log.
  constexpr std::size_t kMethodBytes = 32;
  request.method = std::string(message.method_string().substr(0, kMethodBytes));
  std::string target(message.target());
  const std::string host = take_host(target);
  request.path = target.substr(0, target.find_first_of("?#"));
  if (target.size() > request.path.size() && target[request.path.size()] == '?') {
    const std::string query = target.substr(request.path.size() + 1);
    request.query = query.substr(0, query.find('#'));
  }
  if (!host.empty()) request.headers.emplace_back("Host", host);  // the first one counts
  for (const auto& field : message) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  request.remote = remote;
  return request;
}

std::optional<ApiError> fault_of_framing(const http::request<http::string_body>& message) {
  const std::size_t hosts = message.count(http::field::host);
  // HTTP/1.0 did not know it; since then it is there whatever the target says (RFC 9112, 3.2).
  if (hosts > 1 || (hosts == 0 && message.version() >= 11)) {
    return ApiError{400, "invalid_http",
                    "Host: expected one, found " + (hosts == 0 ? "none" : std::to_string(hosts))};
  }
  return fault_of_encoding(message);
}

ApiError fault_of_read(const boost::system::error_code& error, const ServerOptions& options,
                       const ApiOptions& api) {
  if (error == http::error::header_limit) {
    return {431, "headers_too_large",
            "expected headers of at most " + std::to_string(options.header_bytes) + " bytes"};
  }
  if (error == http::error::body_limit) {
    return {413, "too_large",
            "expected a body of at most " + std::to_string(api.body_bytes) + " bytes"};
  }
  return {400, "invalid_http", "malformed request: " + error.message()};
}

}  // namespace deformer::serve
