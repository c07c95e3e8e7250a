# Install rules and the package config: find_package(deformer) gives the target deformer::deformer and, for what not every
# program needs, deformer::data, deformer::convert and deformer::train.
include(CMakePackageConfigHelpers)

set(deformer_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/deformer")

# The installed library and tool look for LibTorch where it was when they were linked. (INSTALL_RPATH_USE_LINK_PATH
# would leave it out when it lies below the source tree, as .deps/venv does.)
set(DEFORMER_TORCH_RUNTIME_DIR "" CACHE PATH
    "Where the installed tool looks for LibTorch's shared libraries; default: where they were found, in packages /opt/libtorch/lib")
if(DEFORMER_TORCH_RUNTIME_DIR)
  set(_deformer_torch_rpath "${DEFORMER_TORCH_RUNTIME_DIR}")
else()
  set(_deformer_torch_rpath "$<TARGET_FILE_DIR:c10>")
endif()
set_target_properties(deformer PROPERTIES INSTALL_RPATH "${_deformer_torch_rpath}")
install(TARGETS deformer deformer_data deformer_convert deformer_train EXPORT deformerTargets FILE_SET HEADERS)
install(EXPORT deformerTargets NAMESPACE deformer:: DESTINATION "${deformer_package_dir}")

if(TARGET deformer_cli)
  file(RELATIVE_PATH _deformer_bin_to_lib
       "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}")
  set_target_properties(deformer_cli PROPERTIES
    INSTALL_RPATH "$ORIGIN/${_deformer_bin_to_lib};${_deformer_torch_rpath}")
  install(TARGETS deformer_cli)
  # What the tool answers with when it is told no model (tools/model_options.h).
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/models/" DESTINATION "${CMAKE_INSTALL_DATADIR}/deformer/models")
  install(FILES "${PROJECT_SOURCE_DIR}/packaging/completion/deformer.bash"
          DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME deformer)
endif()

# A static library leaves its private dependencies to the program that links it: the package config finds those that the
# target names as PkgConfig::NAME.
set(DEFORMER_PKG_CONFIG_MODULES)
if(NOT BUILD_SHARED_LIBS)
  get_target_property(_deformer_libraries deformer LINK_LIBRARIES)
  foreach(_deformer_library IN LISTS _deformer_libraries)
    if(_deformer_library MATCHES "^PkgConfig::(.+)$")
      list(APPEND DEFORMER_PKG_CONFIG_MODULES "${CMAKE_MATCH_1}=${${CMAKE_MATCH_1}_MODULE_NAME}")
    endif()
  endforeach()
endif()

configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/deformerConfig.cmake.in" "${PROJECT_BINARY_DIR}/deformerConfig.cmake"
  INSTALL_DESTINATION "${deformer_package_dir}")
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/deformerConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/deformerConfig.cmake"
              "${PROJECT_BINARY_DIR}/deformerConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/DeformerTorch.cmake"
        DESTINATION "${deformer_package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
