// The pickle of a state dictionary, read without running anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "format/safetensors.h"

namespace deformer {

/// A tensor as torch.save describes it: a view of a storage, which is a record of its own.
struct PickledTensor {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::string storage;             ///< key of the record
  std::int64_t storage_bytes = 0;  ///< as stated
  std::int64_t offset = 0;         ///< in elements
  Shape shape;
  Shape strides;  ///< in elements
};

/// Reads the pickle of a dictionary from names to tensors, as torch.save writes it (protocols 2 to
/// 4). A pickle is a program; this interpreter knows only the instructions that build numbers,
/// strings, tuples, lists and dictionaries, and calls nothing: the few functions that a state
/// dictionary names (collections.OrderedDict, torch._utils._rebuild_tensor_v2 and _v3,
/// torch._utils._rebuild_parameter, torch.Size) are understood as descriptions, and naming any
/// other is an error that says which. Numbers are not judged: offsets, shapes and strides are the
/// caller's to check.
///
/// `where` names the file in messages. Throws kCorrupt for a malformed pickle; kUnsupported for an
/// instruction or a name that is not on the list, and for anything but a dictionary of tensors.
[[nodiscard]] std::vector<PickledTensor> read_state_dict(std::span<const std::byte> pickle,
                                                         const std::string& where);

}  // namespace deformer
