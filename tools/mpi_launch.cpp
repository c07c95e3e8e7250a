#include "tools/mpi_launch.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace deformer::tools {

bool is_started_by_mpi() noexcept {
  constexpr std::array kVariables{"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"};
  return std::any_of(kVariables.begin(), kVariables.end(),
                     [](const char* name) { return std::getenv(name) != nullptr; });
}

}  // namespace deformer::tools
