// What the HTTP library read, as the routes see it.
#pragma once

#include <boost/beast/http.hpp>
#include <optional>
#include <string>

#include "serve/api_error.h"
#include "serve/message.h"

namespace deformer::serve {

struct ApiOptions;
struct ServerOptions;

/// All but the body.
[[nodiscard]] Request head_of(
    const boost::beast::http::request<boost::beast::http::string_body>& message,
    const std::string& remote);

/// Why nothing else of the connection can be trusted: a Transfer-Encoding other than "chunked"
/// alone, which is all that is understood, or two names of the host, or none.
[[nodiscard]] std::optional<ApiError> fault_of_framing(
    const boost::beast::http::request<boost::beast::http::string_body>& message);

/// What a client is told whose request could not be parsed.
[[nodiscard]] ApiError fault_of_read(const boost::system::error_code& error,
                                     const ServerOptions& options, const ApiOptions& api);

}  // namespace deformer::serve
