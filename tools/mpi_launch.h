// Whether an MPI launcher started this process, which both builds of mpi_process_group() ask.
#pragma once

namespace deformer::tools {

/// By the environment of Open MPI (mpirun), MPICH and Intel MPI (mpiexec), and Slurm (srun with one
/// of its MPI plugins). True also for a single process.
[[nodiscard]] bool is_started_by_mpi() noexcept;

}  // namespace deformer::tools
