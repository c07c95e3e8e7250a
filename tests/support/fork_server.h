// Programs that link LibTorch spend most of a short run on loading it. A fork server has loaded it
// once and stands before main(); each run is a fork of it: a process of its own, with the same
// code, from main() on.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

namespace deformer::test {

/// What a program is started with.
struct ProgramStart {
  std::vector<std::string> command;  ///< [0] is the path of the program
  std::array<int, 3> streams;        ///< its standard streams; -1: closed from the start
  rlim_t file_size = RLIM_INFINITY;  ///< RLIMIT_FSIZE, in bytes
};

/// From now on start_by_fork() starts `program`. To be called before there are threads. Does
/// nothing where a sanitizer watches the program.
void keep_fork_server(const std::string& program);

/// Starts a program that was named to keep_fork_server(); -1 where it has to be started in the
/// usual way: no server, another environment than the server's, more arguments than a message
/// holds. The process is a child of this one.
[[nodiscard]] pid_t start_by_fork(const ProgramStart& start);

}  // namespace deformer::test
