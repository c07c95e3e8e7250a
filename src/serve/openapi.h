// The description of the routes in OpenAPI 3.1.
#pragma once

#include <string>

#include "serve/api.h"

namespace deformer::serve {

[[nodiscard]] std::string openapi_document(const ApiOptions& options);

}  // namespace deformer::serve
