// Training on several machines: processes that mpirun or srun started.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "deformer/process_group.h"

namespace deformer::tools {

/// Whether an MPI launcher started this process: by the environment of Open MPI (mpirun), MPICH and
/// Intel MPI (mpiexec), and Slurm (srun with one of its MPI plugins). True also for a single
/// process.
[[nodiscard]] inline bool is_started_by_mpi() noexcept {
  constexpr std::array kVariables{"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"};
  return std::any_of(kVariables.begin(), kVariables.end(),
                     [](const char* name) { return std::getenv(name) != nullptr; });
}

/// The processes that an MPI launcher started with this one; null where none did, or it started
/// this one alone. Throws kUnsupported where the tool was built without MPI, kIo when MPI cannot
/// begin. Call it once.
[[nodiscard]] std::unique_ptr<ProcessGroup> mpi_process_group();

}  // namespace deformer::tools
