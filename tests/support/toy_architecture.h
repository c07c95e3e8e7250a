// An architecture that lives outside the library: what a record promises is enough.
#pragma once

#include "architecture/architecture.h"

namespace deformer::test {

/// BERT's layers under names of its own, positions from 5, no token types.
[[nodiscard]] const Architecture& toy_architecture();

/// Makes "toy" known to this process, once.
void register_toy();

}  // namespace deformer::test
