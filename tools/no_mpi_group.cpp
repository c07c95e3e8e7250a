// A build without MPI.
#include <cstdlib>
#include <initializer_list>
#include <string_view>

#include "deformer/error.h"
#include "tools/mpi_group.h"

namespace deformer::tools {
namespace {

// True where nothing says that there is one process: each of several would train by itself, and
// write over the others.
bool may_be_several() noexcept {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"}) {
    const char* const size = std::getenv(name);
    if (size != nullptr) return std::string_view(size) != "1";
  }
  return true;
}

}  // namespace

std::unique_ptr<ProcessGroup> mpi_process_group() {
  if (!is_started_by_mpi() || !may_be_several()) return nullptr;
  throw Error(ErrorCode::kUnsupported,
              "train: expected a tool that was built with MPI (CMake: DEFORMER_MPI=ON), as an MPI "
              "launcher started it, found one without");
}

}  // namespace deformer::tools
