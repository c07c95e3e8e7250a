// What a client is told when its request fails: one form on all routes.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "deformer/error.h"
#include "serve/message.h"

namespace deformer::serve {

/// For log and metrics: no standard status says it (nginx's number).
inline constexpr int kClientLeft = 499;
/// Memory that ran out, where it cannot have been the disk of a store.
inline constexpr const char* kOutOfMemory = "out_of_memory";

struct ApiError {
  int status = 500;
  std::string code;  ///< for programs, e.g. "invalid_request"; docs/service.md lists them
  std::string message;
  std::string field = {};  ///< path of the field at fault, e.g. "passages[3].text"
  int retry_after = 0;     ///< seconds; 0 = no such header
  Headers headers = {};
};

/// Thrown while a request is read.
class ApiFault : public std::exception {
 public:
  explicit ApiFault(ApiError error) : error_(std::move(error)) {}
  [[nodiscard]] const ApiError& error() const noexcept { return error_; }
  [[nodiscard]] const char* what() const noexcept override { return error_.message.c_str(); }

 private:
  ApiError error_;
};

/// There was no room: the client is to come back.
[[nodiscard]] inline bool is_overloaded(const Error& error) noexcept {
  return error.code() == ErrorCode::kOverloaded;
}

/// What an outcome's error is to a client.
[[nodiscard]] ApiError to_api_error(const Error& error);
/// The same of anything that was thrown.
[[nodiscard]] ApiError to_api_error(const std::exception& thrown);

/// {"code": ..., "message": ..., "field": ...}; `field` only where there is one.
[[nodiscard]] std::string error_object(const ApiError& error);
/// {"error": {...}} with the status and its headers.
[[nodiscard]] Response to_response(const ApiError& error);

}  // namespace deformer::serve
