# Finds LibTorch: in this tree and, installed beside the package config, for programs that use the library.

# deformer_find_torch([QUIET|REQUIRED]): find_package(Torch) with two corrections; sets TORCH_LIBRARIES.
# A macro, because find_package(Torch) sets variables of its caller.
macro(deformer_find_torch)
  # A LibTorch with CUDA insists on a complete CUDA toolkit, though linking its shared libraries needs none of it: the
  # default Python package would not configure on an ordinary machine. LibTorch's cuda.cmake returns early where this
  # target exists. A project that has found the toolkit itself (CUDA::cudart) gets LibTorch's own way.
  if(NOT TARGET torch::cudart AND NOT TARGET CUDA::cudart)
    add_library(torch::cudart INTERFACE IMPORTED GLOBAL)
  endif()

  # LibTorch's package looks for a static libkineto that its shared builds do not carry, and warns. It would go into
  # the TORCH_LIBRARIES that is replaced below.
  set(kineto_LIBRARY "in libtorch_cpu")
  find_package(Torch 2.4 ${ARGN} CONFIG GLOBAL)
  # By target name instead of path, so that what is installed names no directory of the machine that built it.
  set(TORCH_LIBRARIES torch_library c10)
endmacro()
