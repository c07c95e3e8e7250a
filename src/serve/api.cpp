#include "serve/api.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "serve/handlers.h"
#include "serve/message.h"
#include "serve/metrics.h"

namespace deformer::serve {
namespace {

struct Match {
  const Route* route = nullptr;
  std::string_view argument;
};

bool fits(std::string_view pattern, std::string_view path, std::string_view& argument) {
  const std::size_t brace = pattern.find('{');
  if (brace == std::string_view::npos) return pattern == path;
  if (path.size() <= brace || path.substr(0, brace) != pattern.substr(0, brace)) return false;
  argument = path.substr(brace);
  return true;
}

// The route; else in `allowed` the methods that the path has.
Match match(const Request& request, std::string& allowed) {
  for (const Route& route : routes()) {
    std::string_view argument;
    if (!fits(route.pattern, request.path, argument)) continue;
    // HEAD is GET without the body (HttpExchange::respond()).
    const bool is_head = request.method == "HEAD" && std::string_view(route.method) == "GET";
    if (is_head || request.method == route.method) return {&route, argument};
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
    if (std::string_view(route.method) == "GET") allowed += ", HEAD";
  }
  return {};
}

// "[::1]:8080" -> "[::1]", "localhost:8080" -> "localhost". Behind the name stands a port or
// nothing; else all of it is the name ("localhost:1@other.example").
std::string_view without_port(std::string_view host) {
  const std::size_t bracket = host.find(']');
  const std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return host;
  const bool is_port = host.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
  return is_port ? host.substr(0, colon) : host;
}

std::optional<ApiError> fault_of_coding(const Request& head) {
  for (const auto& [name, value] : head.headers) {
    if (!equal_ignoring_case(name, "Content-Encoding")) continue;
    if (value.empty() || equal_ignoring_case(value, "identity")) continue;
    return ApiError{.status = 415,
                    .code = "unsupported_media_type",
                    .message = "Content-Encoding: expected none, found \"" + value + "\"",
                    .headers = {{"Accept-Encoding", "identity"}}};
  }
  return std::nullopt;
}

std::optional<ApiError> fault_of_body(const Request& head, const Route& route,
                                      std::optional<std::uint64_t> body_bytes, bool chunked) {
  if (route.body == BodyKind::kNone) return std::nullopt;
  // As an unknown field of the body: a misplaced option is no default in silence.
  if (!head.query.empty()) {
    return ApiError{400, "invalid_request", "the query: expected none beside a body, found one"};
  }
  if (!body_bytes && !chunked) {
    return ApiError{411, "length_required", "expected a Content-Length or chunks, found neither"};
  }
  if (auto fault = fault_of_coding(head)) return fault;
  const std::string* const given = head.header("Content-Type");
  const std::string type = given == nullptr ? "" : media_type(*given);
  const bool json = type == kJsonType && route.body != BodyKind::kLines;
  const bool lines = type == kLinesType && route.body != BodyKind::kJson;
  if (json || lines) return std::nullopt;
  const std::string expected = route.body == BodyKind::kJson ? kJsonType
                               : route.body == BodyKind::kLines
                                   ? kLinesType
                                   : "application/json or application/x-ndjson";
  return ApiError{415, "unsupported_media_type",
                  "Content-Type: expected " + expected + ", found " +
                      (type.empty() ? "none" : "\"" + type + "\"")};
}

}  // namespace

Api::Api(ApiOptions options, std::shared_ptr<Metrics> metrics)
    : options_(std::move(options)), metrics_(std::move(metrics)) {}

std::optional<ApiError> Api::fault_of_head(const Request& head,
                                           std::optional<std::uint64_t> body_bytes,
                                           bool chunked) const {
  if (is_preflight(head)) return std::nullopt;
  std::string allowed;
  const Match found = match(head, allowed);
  if (found.route == nullptr && allowed.empty()) {
    return ApiError{404, "not_found", "there is no such path"};
  }
  if (found.route == nullptr) {
    return ApiError{.status = 405,
                    .code = "method_not_allowed",
                    .message = "expected " + allowed + ", found " + head.method,
                    .headers = {{"Allow", allowed}}};
  }
  if (auto fault = fault_of_host(head, *found.route)) return fault;
  if (auto fault = fault_of_access(head, *found.route)) return fault;
  if (body_bytes.value_or(0) > options_.body_bytes) {
    return ApiError{413, "too_large",
                    "expected a body of at most " + std::to_string(options_.body_bytes) +
                        " bytes, found " + std::to_string(*body_bytes)};
  }
  if (auto fault = fault_of_body(head, *found.route, body_bytes, chunked)) return fault;
  if (found.route->needs_service && service() == nullptr) {
    return ApiError{503, "loading", "the model is being loaded", "", 1};
  }
  return std::nullopt;
}

std::optional<ApiError> Api::fault_of_host(const Request& head, const Route& route) const {
  const std::string* const host = head.header("Host");
  if (options_.hosts.empty() || route.access == Access::kNone || host == nullptr) {
    return std::nullopt;
  }
  const std::string_view name = without_port(*host);
  for (const std::string& known : options_.hosts) {
    if (equal_ignoring_case(known, name)) return std::nullopt;
  }
  return ApiError{421, "misdirected",
                  "Host: expected a name of this service (--allow-host adds one), found another"};
}

std::optional<ApiError> Api::fault_of_access(const Request& head, const Route& route) const {
  std::shared_ptr<const ApiKeys> keys;
  {
    const std::scoped_lock lock(mutex_);
    keys = keys_;
  }
  if (!keys || route.access == Access::kNone) return std::nullopt;
  const std::string* const authorization = head.header("Authorization");
  const Access access = authorization == nullptr ? Access::kNone : keys->access_of(*authorization);
  if (access >= route.access) return std::nullopt;
  if (access == Access::kNone) {
    return ApiError{.status = 401,
                    .code = "unauthorized",
                    .message = "expected a known key as \"Authorization: Bearer KEY\", found " +
                               std::string(authorization == nullptr ? "none" : "another"),
                    .headers = {{"WWW-Authenticate", "Bearer"}}};
  }
  return ApiError{403, "forbidden", "expected a key that may write, found one that may read"};
}

bool Api::is_preflight(const Request& request) const {
  return !options_.cors_origins.empty() && request.method == "OPTIONS" &&
         request.header("Origin") != nullptr &&
         request.header("Access-Control-Request-Method") != nullptr;
}

void Api::handle(const std::shared_ptr<Exchange>& exchange) const {
  const Request& request = exchange->request();
  if (is_preflight(request)) return exchange->respond({.status = 204, .content_type = ""});
  std::string allowed;
  const Match found = match(request, allowed);
  Call call{exchange, service(), *this};
  try {
    if (!percent_decode(found.argument, call.argument)) {
      throw ApiFault({400, "invalid_request", "id: broken percent escape", "id"});
    }
    if (!is_utf8(call.argument)) {
      throw ApiFault({400, "invalid_request", "id: expected UTF-8", "id"});
    }
    const std::string* const type = request.header("Content-Type");
    call.lines = type != nullptr && media_type(*type) == kLinesType;
    found.route->handle(call);
  } catch (const std::exception& thrown) {
    exchange->respond(to_response(to_api_error(thrown)));
  }
}

std::string_view Api::route_name(const Request& head) {
  for (const Route& route : routes()) {
    std::string_view argument;
    if (fits(route.pattern, head.path, argument)) return route.pattern;
  }
  return "other";
}

void Api::add_headers(const Request& request, Response& response) const {
  response.headers.emplace_back("Date", http_date(std::time(nullptr)));
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  const auto& known = options_.cors_origins;
  if (known.empty()) return;
  const bool any = std::find(known.begin(), known.end(), "*") != known.end();
  // A cache must not give an origin the answer of another, or of none: what depends on the origin
  // says so, and what is for all is for those too who name none.
  if (any) {
    response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  } else {
    response.headers.emplace_back("Vary", "Origin");
    const std::string* const origin = request.header("Origin");
    if (origin == nullptr || std::find(known.begin(), known.end(), *origin) == known.end()) return;
    response.headers.emplace_back("Access-Control-Allow-Origin", *origin);
  }
  if (!is_preflight(request)) {
    response.headers.emplace_back("Access-Control-Expose-Headers", "Retry-After");
    return;
  }
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE");
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                "Authorization, Content-Type, traceparent");
  response.headers.emplace_back("Access-Control-Max-Age", "600");
}

void Api::set_keys(std::shared_ptr<const ApiKeys> keys) {
  const std::scoped_lock lock(mutex_);
  keys_ = std::move(keys);
}

void Api::set_service(std::shared_ptr<AnswerService> service) {
  const std::scoped_lock lock(mutex_);
  service_ = std::move(service);
}

std::shared_ptr<AnswerService> Api::service() const {
  const std::scoped_lock lock(mutex_);
  return service_;
}

const std::vector<Route>& routes() {
  static const std::vector<Route> table{
      {"POST", "/v1/answer", Access::kRead, BodyKind::kJsonOrLines, true, handle_answer},
      {"POST", "/v1/classify", Access::kRead, BodyKind::kJson, true, handle_classify},
      {"POST", "/v1/passages", Access::kWrite, BodyKind::kLines, true, handle_put_passages},
      {"GET", "/v1/passages", Access::kRead, BodyKind::kNone, true, handle_list_passages},
      {"PUT", "/v1/passages/{id}", Access::kWrite, BodyKind::kJson, true, handle_put_passage},
      {"GET", "/v1/passages/{id}", Access::kRead, BodyKind::kNone, true, handle_get_passage},
      {"DELETE", "/v1/passages/{id}", Access::kWrite, BodyKind::kNone, true, handle_delete_passage},
      {"POST", "/", Access::kRead, BodyKind::kJson, true, handle_hugging_face},
      {"POST", "/models/{name}", Access::kRead, BodyKind::kJson, true, handle_hugging_face},
      {"GET", "/", Access::kNone, BodyKind::kNone, false, handle_page},
      {"GET", "/v1/info", Access::kRead, BodyKind::kNone, true, handle_info},
      {"GET", "/livez", Access::kNone, BodyKind::kNone, false, handle_livez},
      {"GET", "/readyz", Access::kNone, BodyKind::kNone, false, handle_readyz},
      {"GET", "/metrics", Access::kRead, BodyKind::kNone, false, handle_metrics},
      {"GET", "/openapi.json", Access::kNone, BodyKind::kNone, false, handle_openapi},
  };
  return table;
}

}  // namespace deformer::serve
