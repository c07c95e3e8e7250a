# Run by cpack on the installed files, before they are packed: what only a Debian package has, and no path of the build machine.
# The variables come from DeformerPackage.cmake.
cmake_minimum_required(VERSION 3.25)

set(root "${CPACK_TEMPORARY_DIRECTORY}/usr")
set(doc "${root}/share/doc/deformer")
set(tool "${CPACK_DEFORMER_BINARY_DIR}/deformer")
cmake_path(GET CPACK_DEFORMER_TORCH_LIBRARY PARENT_PATH torch_libraries)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# LibTorch, where the package expects it.
file(GLOB binaries "${root}/bin/deformer" "${root}/${CPACK_DEFORMER_LIBDIR}/libdeformer.so.*.*.*")
foreach(binary IN LISTS binaries)
  file(READ_ELF "${binary}" RUNPATH built_for)
  string(REPLACE "${torch_libraries}" "${CPACK_DEFORMER_TORCH_RUNTIME_DIR}" packaged_for "${built_for}")
  string(REPLACE ";" ":" built_for "${built_for}")
  string(REPLACE ";" ":" packaged_for "${packaged_for}")
  file(RPATH_CHANGE FILE "${binary}" OLD_RPATH "${built_for}" NEW_RPATH "${packaged_for}")
endforeach()
cmake_path(GET CPACK_DEFORMER_TORCH_RUNTIME_DIR PARENT_PATH torch_prefix)
set(config "${root}/${CPACK_DEFORMER_LIBDIR}/cmake/deformer/deformerConfig.cmake")
file(READ "${config}" text)
string(REPLACE "${CPACK_DEFORMER_TORCH_DIR}" "${torch_prefix}/share/cmake/Torch" text "${text}")
file(WRITE "${config}" "${text}")

# The manual page starts the tool once a verb: made anew only when the tool has changed.
set(manual "${CPACK_DEFORMER_BINARY_DIR}/package/deformer.1")
set(make_manual "${CPACK_DEFORMER_SOURCE_DIR}/packaging/make_man.py")
if(NOT EXISTS "${manual}" OR "${tool}" IS_NEWER_THAN "${manual}" OR "${make_manual}" IS_NEWER_THAN "${manual}")
  run("${CPACK_DEFORMER_PYTHON}" "${make_manual}" "${tool}" "${manual}")
endif()
file(COPY "${manual}" DESTINATION "${root}/share/man/man1")
run("${CPACK_DEFORMER_PYTHON}" "${CPACK_DEFORMER_SOURCE_DIR}/packaging/make_sbom.py" "${tool}" "${doc}/deformer.spdx.json"
    --version "${CPACK_PACKAGE_VERSION}" --torch-dir "${torch_libraries}" --torch-version "${CPACK_DEFORMER_TORCH_VERSION}")

file(COPY "${CPACK_DEFORMER_SOURCE_DIR}/packaging/systemd/deformer.service" DESTINATION "${root}/lib/systemd/system")
file(COPY "${CPACK_DEFORMER_SOURCE_DIR}/packaging/systemd/serve.toml" DESTINATION "${doc}/examples")
file(RENAME "${doc}/LICENSE" "${doc}/copyright")
file(COPY_FILE "${CPACK_DEFORMER_SOURCE_DIR}/CHANGELOG.md" "${doc}/changelog")
file(WRITE "${doc}/README.Debian"
"The deformer tool needs the shared libraries of LibTorch ${CPACK_DEFORMER_TORCH_VERSION}, which is no Debian package. It looks for them in
${CPACK_DEFORMER_TORCH_RUNTIME_DIR}. Either unpack PyTorch's C++ distribution of that version to ${torch_prefix}, or make
${torch_prefix} a link to the folder torch of the Python package torch, e.g.
    ln -s .../site-packages/torch ${torch_prefix}
The service: copy examples/serve.toml to /etc/deformer/serve.toml, then systemctl enable --now deformer.
")
run(gzip -9nf "${root}/share/man/man1/deformer.1" "${doc}/changelog")
