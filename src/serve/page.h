// The page to ask questions on: one HTML document that needs nothing from elsewhere.
#pragma once

#include "serve/message.h"

namespace deformer::serve {

/// With a Content-Security-Policy that allows the document's own style and script, and requests to
/// the service that it came from.
[[nodiscard]] const Response& page();

}  // namespace deformer::serve
