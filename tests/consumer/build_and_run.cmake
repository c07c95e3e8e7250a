# Uses the library as a stranger would. Any failure is fatal. All paths are absolute.
#   -DCONSUMER=find_package      the static library of DEFORMER_BINARY_DIR, installed
#   -DCONSUMER=add_subdirectory  the sources, as a shared library (the static one is the build that find_package tests;
#                                a second compilation of everything would buy little); then that library, installed
cmake_minimum_required(VERSION 3.25)

string(REPLACE ";" "\\;" LAUNCHER "${LAUNCHER}")  # a list inside the list of options
set(common_options "-DCMAKE_BUILD_TYPE=Release" "-DCMAKE_CXX_COMPILER=${CXX}"
                   "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}")
if(SANITIZE)
  list(APPEND common_options "-DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZE}")
endif()
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)

# build_and_run(<project folder> <binary dir> [option...])
function(build_and_run project binary_dir)
  # A fresh configuration each time; objects of the last run are kept.
  file(REMOVE "${binary_dir}/CMakeCache.txt")
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -G Ninja -S "${CMAKE_CURRENT_LIST_DIR}/${project}" -B "${binary_dir}"
            ${common_options} ${ARGN}
    COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${binary_dir}" --parallel "${cores}"
                  COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${binary_dir}/consumer" OUTPUT_VARIABLE output
                  ECHO_OUTPUT_VARIABLE COMMAND_ERROR_IS_FATAL ANY)
  if(NOT output MATCHES "^deformer ${DEFORMER_VERSION}, 7 rows\nnot found\n$")
    message(FATAL_ERROR "unexpected output of the consumer")
  endif()
endfunction()

function(install_tree binary_dir prefix)
  file(REMOVE_RECURSE "${prefix}")
  execute_process(COMMAND "${CMAKE_COMMAND}" --install "${binary_dir}" --prefix "${prefix}"
                  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(CONSUMER STREQUAL "find_package")
  set(prefix "${BINARY_DIR}/prefix")
  install_tree("${DEFORMER_BINARY_DIR}" "${prefix}")
  # LibTorch is not named: the package remembers it.
  build_and_run(find_package "${BINARY_DIR}/build" "-DCMAKE_PREFIX_PATH=${prefix}")
  # The installed tool finds LibTorch, and the shared library where there is one.
  if(EXISTS "${prefix}/bin/deformer")
    execute_process(COMMAND "${prefix}/bin/deformer" --version
                    COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
  endif()
else()
  # Compile time matters here, speed does not.
  set(options "-DDEFORMER_SOURCE_DIR=${DEFORMER_SOURCE_DIR}" "-DTorch_DIR=${Torch_DIR}"
              "-DCMAKE_CXX_FLAGS_RELEASE=-O0" -DCMAKE_UNITY_BUILD=ON)
  build_and_run(add_subdirectory "${BINARY_DIR}/build" ${options} -DBUILD_SHARED_LIBS=ON
                -DDEFORMER_INSTALL=ON)
  set(prefix "${BINARY_DIR}/prefix")
  install_tree("${BINARY_DIR}/build" "${prefix}")
  build_and_run(find_package "${BINARY_DIR}/find_package" "-DCMAKE_PREFIX_PATH=${prefix}")
endif()
