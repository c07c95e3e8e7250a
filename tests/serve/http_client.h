// A client that does what a test wants, well-formed or not: plain sockets on the loopback.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace deformer::test {

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;                            ///< chunks joined
};

/// One connection. Reads wait ten seconds at most.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// False when the peer is gone.
  bool send(const std::string& bytes) const;
  /// The next response; nullopt when the connection ends before it is whole.
  [[nodiscard]] std::optional<HttpResponse> read_response();
  /// One line of what comes next, its line feed included; what there was at the end.
  [[nodiscard]] std::string read_line();
  /// True when the connection has ended, without a further byte.
  [[nodiscard]] bool at_end();
  /// Says that nothing more will be sent.
  void half_close() const;
  /// Ends it with a reset.
  void reset();
  void close();

  /// Sends a request and reads its response.
  [[nodiscard]] std::optional<HttpResponse> exchange(const std::string& request);

 private:
  [[nodiscard]] bool fill();
  [[nodiscard]] bool fill_to(std::size_t bytes);

  int socket_ = -1;
  std::string buffer_;
};

/// "METHOD PATH HTTP/1.1" with the body, if any, as `type`; `more`: header lines.
[[nodiscard]] std::string http_request(const std::string& method, const std::string& path,
                                       const std::string& body = "",
                                       const std::string& type = "application/json",
                                       const std::string& more = "");

/// http_request() on a connection of its own. Fails the test when there is no response.
[[nodiscard]] HttpResponse http(std::uint16_t port, const std::string& request);

}  // namespace deformer::test
