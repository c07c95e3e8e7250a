#include "tools/mpi_launch.h"

#include <cstdlib>
#include <initializer_list>

namespace deformer::tools {

bool is_started_by_mpi() noexcept {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

}  // namespace deformer::tools
