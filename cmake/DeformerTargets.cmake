# Compile settings shared by all first-party targets, and the PUBLIC/PRIVATE shape of the library.

# Warnings, language level and sanitizers of one first-party target.
function(deformer_target_defaults target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                           -Wno-sign-conversion -Wnon-virtual-dtor)
  # GCC 12 sees overlapping copies in plain std::string code (GCC bug 105651).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  # In a unity build the sources are included, and their classes may well use their anonymous namespace.
  if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
  if(DEFORMER_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(DEFORMER_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${DEFORMER_SANITIZE}
                                             -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${DEFORMER_SANITIZE})
    # GCC does not see through the checks that it puts in; the other builds look for this.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
    endif()
    # Fences, which ThreadSanitizer does not see, stand in headers of LibTorch and Boost.
    if(DEFORMER_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${target} PRIVATE -Wno-tsan)
    endif()
  endif()
endfunction()

# Objects of a library that see no LibTorch.
function(deformer_objects target)
  add_library(${target} OBJECT)
  deformer_target_defaults(${target})
  set_target_properties(${target} PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(${target} PUBLIC
    "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src" "${PROJECT_BINARY_DIR}/include")
  # One macro for both object libraries and the final library.
  if(BUILD_SHARED_LIBS)
    target_compile_definitions(${target} PRIVATE deformer_EXPORTS)
  else()
    target_compile_definitions(${target} PUBLIC DEFORMER_STATIC_DEFINE)
  endif()
endfunction()

# Objects of a library that use LibTorch, with its precompiled header.
function(deformer_torch_objects target)
  deformer_objects(${target})
  # OpenMP for all of them: one precompiled header wants one set of options.
  target_link_libraries(${target} PUBLIC ${TORCH_LIBRARIES} PRIVATE OpenMP::OpenMP_CXX)
  if(DEFORMER_PCH)
    if(target STREQUAL deformer_nn)
      target_precompile_headers(${target} PRIVATE <ATen/ATen.h>)
    else()
      target_precompile_headers(${target} REUSE_FROM deformer_nn)
    endif()
  endif()
endfunction()

# deformer_library(<name> OBJECTS <target...> [HEADERS <public header...>] PUBLIC|PRIVATE <what it links...>): a library of
# these objects. Shared, there is one for all: the parts use each other's insides, which it hides. The names of the others
# stand for it then.
function(deformer_library name)
  cmake_parse_arguments(arg "" "" "OBJECTS;HEADERS;PUBLIC;PRIVATE" ${ARGN})
  # CMake counts the precompiled header among the objects; the linker does not want it.
  list(TRANSFORM arg_OBJECTS REPLACE "(.+)" "$<FILTER:$<TARGET_OBJECTS:\\1>,EXCLUDE,\\\\.gch$>")
  set(DEFORMER_ALL_OBJECTS ${DEFORMER_ALL_OBJECTS} ${arg_OBJECTS} PARENT_SCOPE)
  set(scope PUBLIC)
  if(BUILD_SHARED_LIBS AND NOT name STREQUAL deformer)
    set(scope INTERFACE)
    add_library(${name} INTERFACE)
    target_sources(deformer PRIVATE ${arg_OBJECTS})
    target_link_libraries(deformer PRIVATE ${arg_PRIVATE})
    target_link_libraries(${name} INTERFACE ${arg_PUBLIC})
  else()
    add_library(${name} ${arg_OBJECTS})
    set_target_properties(${name} PROPERTIES
      LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
      CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    target_compile_features(${name} PUBLIC cxx_std_20)
    target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
    if(NOT BUILD_SHARED_LIBS)
      target_compile_definitions(${name} PUBLIC DEFORMER_STATIC_DEFINE)
    endif()
    if(DEFORMER_SANITIZE)
      target_link_options(${name} PUBLIC -fsanitize=${DEFORMER_SANITIZE})
    endif()
  endif()
  string(REGEX REPLACE "^deformer_" "" part ${name})
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${part})
  add_library(deformer::${part} ALIAS ${name})
  if(arg_HEADERS)
    list(TRANSFORM arg_HEADERS PREPEND "${PROJECT_SOURCE_DIR}/include/deformer/")
    target_sources(${name} ${scope} FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${arg_HEADERS})
    set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endfunction()
