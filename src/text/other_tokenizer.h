// A model directory may hold its tokenizer twice, as tokenizer.json beside files of its own kind.
#pragma once

#include <cstdint>

namespace deformer {

/// What a tokenizer.json beside the file that is read means.
enum class OtherTokenizer : std::uint8_t {
  kMustAgree,  ///< kIncompatible, naming both, where the models in them differ
  kIgnored,    ///< the caller has said which file counts
};

}  // namespace deformer
