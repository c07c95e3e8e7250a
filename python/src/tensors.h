// The library's memory as torch tensors, without copying. By DLPack, so that nothing here depends
// on the interface between LibTorch and Python.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace deformer::python {

namespace nb = nanobind;

using TorchTensor = nb::ndarray<nb::pytorch, nb::device::cpu, nb::c_contig>;

/// A tensor on memory that `owner` keeps alive.
inline TorchTensor share_tensor(const void* data, const std::vector<std::size_t>& shape,
                                nb::dlpack::dtype type, std::shared_ptr<const void> owner) {
  auto* const kept = new std::shared_ptr<const void>(std::move(owner));
  const nb::capsule capsule(kept, [](void* pointer) noexcept {
    delete static_cast<std::shared_ptr<const void>*>(pointer);
  });
  return {const_cast<void*>(data), shape.size(), shape.data(), capsule, nullptr, type};
}

}  // namespace deformer::python
