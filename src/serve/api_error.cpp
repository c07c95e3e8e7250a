#include "serve/api_error.h"

#include <new>
#include <nlohmann/json.hpp>

namespace deformer::serve {

ApiError to_api_error(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return {400, "invalid_request", error.what()};
    case ErrorCode::kNotFound:
      return {404, "not_found", error.what()};
    case ErrorCode::kUnsupported:
    case ErrorCode::kIncompatible:
      return {400, "unsupported", error.what()};
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kIo:
      return {503, "store_unavailable", error.what(), "", 1};
    case ErrorCode::kOverloaded:
      return {429, "overloaded", "there is no room for more now", "", 1};
    case ErrorCode::kCancelled:
      return {503, "stopping", "the service is stopping", "", 1};
    case ErrorCode::kTimedOut:
      return {504, "timed_out", "there was no answer in the time allowed"};
    case ErrorCode::kCorrupt:
      return {500, "corrupt", error.what()};
    case ErrorCode::kInternal:
      break;
  }
  return {500, "internal", error.what()};
}

ApiError to_api_error(const std::exception& thrown) {
  if (const auto* const fault = dynamic_cast<const ApiFault*>(&thrown)) return fault->error();
  if (const auto* const error = dynamic_cast<const Error*>(&thrown)) return to_api_error(*error);
  if (dynamic_cast<const std::bad_alloc*>(&thrown) != nullptr) {
    return {503, kOutOfMemory, "out of memory", "", 1};
  }
  return {500, "internal", thrown.what()};
}

std::string error_object(const ApiError& error) {
  nlohmann::ordered_json object;
  object["code"] = error.code;
  object["message"] = error.message;
  if (!error.field.empty()) object["field"] = error.field;
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Response to_response(const ApiError& error) {
  Response response{.status = error.status, .body = "{\"error\":" + error_object(error) + "}\n"};
  response.headers = error.headers;
  if (error.retry_after > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after));
  }
  return response;
}

}  // namespace deformer::serve
