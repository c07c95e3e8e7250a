// Files of torch.save: zip archives with a pickle and the bytes of its storages.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "convert/source_tensor.h"

namespace deformer {

/// True for what torch.save wrote before PyTorch 1.6: pickles one after the other, no archive.
[[nodiscard]] bool is_legacy_torch_file(std::span<const std::byte> file) noexcept;

/// The tensors of a state dictionary, in the file's order; views of the mapped file, also where
/// they share a storage or are strided. Nothing of the file is run (convert/pickle.h). The CRC-32
/// of the pickle and of every storage is checked. Throws kNotFound, kIo, kCorrupt, kUnsupported.
[[nodiscard]] std::vector<SourceTensor> open_torch_file(const std::filesystem::path& path);

}  // namespace deformer
