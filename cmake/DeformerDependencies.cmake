# Finds everything that the library links. LibTorch: CMAKE_PREFIX_PATH (or Torch_DIR) wins, then the `torch` package of
# the Python environment that scripts/setup makes, then that of the python3 on the PATH.

include(DeformerTorch)
if(NOT Torch_DIR)
  deformer_find_torch(QUIET)
endif()
if(NOT Torch_FOUND AND NOT Torch_DIR)
  file(GLOB _deformer_torch_dirs
       "${PROJECT_SOURCE_DIR}/.deps/venv/lib/python3*/site-packages/torch/share/cmake/Torch")
  if(_deformer_torch_dirs)
    list(GET _deformer_torch_dirs 0 _deformer_torch_dir)
  else()
    find_program(DEFORMER_PYTHON python3)
    if(DEFORMER_PYTHON)
      execute_process(
        COMMAND "${DEFORMER_PYTHON}" -c "import torch; print(torch.utils.cmake_prefix_path)"
        OUTPUT_VARIABLE _deformer_torch_prefix OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
      if(_deformer_torch_prefix)
        set(_deformer_torch_dir "${_deformer_torch_prefix}/Torch")
      endif()
    endif()
  endif()
  if(_deformer_torch_dir)
    set(Torch_DIR "${_deformer_torch_dir}" CACHE PATH "Directory of TorchConfig.cmake" FORCE)
  endif()
endif()
if(NOT Torch_DIR)
  message(FATAL_ERROR
    "LibTorch not found. Run scripts/setup, or name it: -DCMAKE_PREFIX_PATH=/path/to/libtorch")
endif()
deformer_find_torch(REQUIRED)

# at::parallel_for is compiled into our objects and is a plain loop without it (ATen/ParallelOpenMP.h).
if(NOT DEFORMER_FUZZ)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  # Linked by flag instead of by path: LibTorch's folder holds a libgomp of the same name, which is the one that is to be
  # loaded, and CMake would warn of that for every program.
  set_target_properties(OpenMP::OpenMP_CXX PROPERTIES IMPORTED_GLOBAL TRUE INTERFACE_LINK_LIBRARIES "${OpenMP_CXX_FLAGS}")
endif()

# GLOBAL: a program that takes the library by add_subdirectory links these too.
find_package(nlohmann_json 3.10 REQUIRED GLOBAL)
find_package(PkgConfig REQUIRED)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET GLOBAL libutf8proc)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET GLOBAL libxxhash)
pkg_check_modules(lmdb REQUIRED IMPORTED_TARGET GLOBAL lmdb)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET GLOBAL hiredis)
pkg_check_modules(sentencepiece REQUIRED IMPORTED_TARGET GLOBAL sentencepiece)
if(DEFORMER_BUILD_TOOLS)
  find_package(CLI11 2.1 REQUIRED)
endif()

# Training on several machines. Not looked for unasked: the tool would need the library wherever it goes.
option(DEFORMER_MPI "Train with processes that mpirun or srun starts" OFF)
if(DEFORMER_MPI OR (DEFORMER_BUILD_TESTS AND NOT DEFORMER_FUZZ))
  # C++ bindings, which MPI 3 has dropped, would be one more library.
  set(MPI_CXX_SKIP_MPICXX ON)
  find_package(MPI 3 QUIET COMPONENTS CXX)
endif()
if(DEFORMER_MPI AND NOT MPI_CXX_FOUND)
  message(FATAL_ERROR "DEFORMER_MPI needs an MPI of version 3 or newer (Debian: libopenmpi-dev)")
endif()

# The service: headers of Boost (Asio, Beast) and OpenSSL. Without them the tool is built without `serve`.
find_package(Boost 1.74 QUIET)
find_package(OpenSSL 1.1.1 QUIET)
if(Boost_FOUND AND OPENSSL_FOUND)
  set(_deformer_serve_default ON)
else()
  set(_deformer_serve_default OFF)
endif()
option(DEFORMER_SERVE "Build `deformer serve`" ${_deformer_serve_default})
if(DEFORMER_SERVE AND NOT _deformer_serve_default)
  message(FATAL_ERROR "DEFORMER_SERVE needs the headers of Boost 1.74 or newer (Debian: libboost-dev) and OpenSSL 1.1.1 or "
                      "newer (libssl-dev). Run scripts/setup, or build without it: -DDEFORMER_SERVE=OFF")
elseif(NOT DEFORMER_SERVE)
  message(STATUS "deformer serve is left out (it needs libboost-dev and libssl-dev)")
else()
  find_package(Threads REQUIRED)
endif()
