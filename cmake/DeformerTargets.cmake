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
  if(DEFORMER_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(DEFORMER_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${DEFORMER_SANITIZE}
                                             -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${DEFORMER_SANITIZE})
  endif()
endfunction()

# Objects of the library: deformer_core (no LibTorch in sight) or deformer_nn (LibTorch, precompiled header).
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
