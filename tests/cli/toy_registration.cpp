// Makes the tool of the tests know an architecture that no file of the library names.
#include "support/toy_architecture.h"

namespace {

struct Registration {
  Registration() { deformer::test::register_toy(); }
} const registration;

}  // namespace
