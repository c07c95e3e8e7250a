# `cpack -G DEB` in the build directory: one Debian package with the tool, the library, bundled models and what belongs to them.
# What cpack adds to the installed files: DeformerPackageFiles.cmake.

find_program(DEFORMER_DPKG_SHLIBDEPS dpkg-shlibdeps)
find_package(Python3 3.9 COMPONENTS Interpreter QUIET)
if(NOT TARGET deformer_cli OR NOT Python3_Interpreter_FOUND OR NOT DEFORMER_DPKG_SHLIBDEPS)
  message(STATUS "cpack is not set up: it needs the tool, python3 and dpkg-shlibdeps (Debian: dpkg-dev)")
  return()
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME deformer)
set(CPACK_PACKAGE_CONTACT "The DeFormer authors <maintainers@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/DeformerPackageFiles.cmake")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
# Models are most of the package: zstd takes seconds where xz takes a minute, and is little larger.
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
    "libhiredis-dev, liblmdb-dev, libsentencepiece-dev, libutf8proc-dev, libxxhash-dev, nlohmann-json3-dev")
string(CONCAT CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "The deformer tool and library. LibTorch ${Torch_VERSION} is no Debian package:\n"
  "the tool looks for its shared libraries in a folder that README.Debian names.")

# LibTorch's libraries without those that it has copies of (libgomp): these come from Debian.
set(_deformer_torch_links "${PROJECT_BINARY_DIR}/package/torch")
file(GLOB _deformer_torch_libraries "${Torch_DIR}/../../../lib/libtorch*.so" "${Torch_DIR}/../../../lib/libc10*.so")
file(MAKE_DIRECTORY "${_deformer_torch_links}")
foreach(_deformer_library IN LISTS _deformer_torch_libraries)
  cmake_path(GET _deformer_library FILENAME _deformer_name)
  file(CREATE_LINK "${_deformer_library}" "${_deformer_torch_links}/${_deformer_name}" SYMBOLIC)
endforeach()
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${_deformer_torch_links}")

# For DeformerPackageFiles.cmake.
if(DEFORMER_TORCH_RUNTIME_DIR)
  set(CPACK_DEFORMER_TORCH_RUNTIME_DIR "${DEFORMER_TORCH_RUNTIME_DIR}")
else()
  set(CPACK_DEFORMER_TORCH_RUNTIME_DIR /opt/libtorch/lib)
endif()
get_target_property(CPACK_DEFORMER_TORCH_LIBRARY c10 IMPORTED_LOCATION)
if(NOT CPACK_DEFORMER_TORCH_LIBRARY)
  get_target_property(CPACK_DEFORMER_TORCH_LIBRARY c10 IMPORTED_LOCATION_RELEASE)
endif()
set(CPACK_DEFORMER_TORCH_DIR "${Torch_DIR}")
set(CPACK_DEFORMER_TORCH_VERSION "${Torch_VERSION}")
set(CPACK_DEFORMER_SOURCE_DIR "${PROJECT_SOURCE_DIR}")
set(CPACK_DEFORMER_BINARY_DIR "${PROJECT_BINARY_DIR}")
set(CPACK_DEFORMER_PYTHON "${Python3_EXECUTABLE}")
set(CPACK_DEFORMER_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
include(CPack)
