// Training on several machines: processes that mpirun or srun started.
#pragma once

#include <memory>

#include "deformer/process_group.h"

namespace deformer::tools {

/// The processes that an MPI launcher started with this one; null where none did, or it started
/// this one alone. Throws kUnsupported where the tool was built without MPI, kIo when MPI cannot
/// begin. Call it once.
[[nodiscard]] std::unique_ptr<ProcessGroup> mpi_process_group();

}  // namespace deformer::tools
