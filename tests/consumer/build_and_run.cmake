# Configures, builds and runs one consumer project; any failure is fatal. PROJECT, BINARY_DIR and DEFORMER_BINARY_DIR
# are absolute; find_package gets the library from a fresh install tree.
cmake_minimum_required(VERSION 3.25)

get_filename_component(name "${PROJECT}" NAME)
string(REPLACE ";" "\\;" LAUNCHER "${LAUNCHER}")  # a list inside the list of options
set(options "-DCMAKE_BUILD_TYPE=Release" "-DCMAKE_CXX_COMPILER=${CXX}"
            "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}")

if(name STREQUAL "find_package")
  set(prefix "${BINARY_DIR}/prefix")
  file(REMOVE_RECURSE "${prefix}")
  execute_process(COMMAND "${CMAKE_COMMAND}" --install "${DEFORMER_BINARY_DIR}" --prefix "${prefix}"
                  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  # LibTorch is not named: the package remembers it.
  list(APPEND options "-DCMAKE_PREFIX_PATH=${prefix}")
else()
  # Compile time matters here, speed does not.
  list(APPEND options "-DDEFORMER_SOURCE_DIR=${DEFORMER_SOURCE_DIR}" "-DTorch_DIR=${Torch_DIR}"
                      "-DCMAKE_CXX_FLAGS_RELEASE=-O0")
endif()
if(SANITIZE)
  list(APPEND options "-DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZE}")
endif()

# A fresh configuration each time; objects of the last run are kept.
file(REMOVE "${BINARY_DIR}/build/CMakeCache.txt")
execute_process(COMMAND "${CMAKE_COMMAND}" -G Ninja -S "${PROJECT}" -B "${BINARY_DIR}/build" ${options}
                COMMAND_ERROR_IS_FATAL ANY)
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BINARY_DIR}/build" --parallel "${cores}"
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${BINARY_DIR}/build/consumer" OUTPUT_VARIABLE output
                ECHO_OUTPUT_VARIABLE COMMAND_ERROR_IS_FATAL ANY)
if(NOT output MATCHES "^deformer ${DEFORMER_VERSION}, 7 rows\nnot found\n$")
  message(FATAL_ERROR "unexpected output of the consumer: ${output}")
endif()

# The installed tool must find LibTorch, and the shared library where there is one.
if(EXISTS "${prefix}/bin/deformer")
  execute_process(COMMAND "${prefix}/bin/deformer" --version COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endif()
