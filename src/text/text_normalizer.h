// The steps of tokenizer.json's "normalizer" that files of SentencePiece models have. The reference
// is Hugging Face's `tokenizers`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "text/precompiled_charsmap.h"
#include "text/sourced_chars.h"

namespace deformer {

struct NormalizerStep {
  enum class Kind : std::uint8_t {
    kReplace,            ///< every `from` by `to`
    kSqueezeSpaces,      ///< every run of two or more spaces by `to`
    kSqueezeWhiteSpace,  ///< every run of two or more white-space characters, and every line feed,
                         ///< carriage return and tab, by `to`
    kNfc,                ///< normal form C
    kNfkd,               ///< compatibility decomposition
    kStripAccents,       ///< marks go, as Unicode 9.0 has them
    kLowercase,          ///< each character by itself
    kStripLeft,          ///< white space at the beginning goes
    kStripRight,         ///< at the end
    kPrecompiled,        ///< `charsmap`
  };

  Kind kind;
  std::u32string from = {};
  std::u32string to = {};
  std::shared_ptr<const PrecompiledCharsmap> charsmap = nullptr;
};

[[nodiscard]] SourcedChars apply_step(const NormalizerStep& step, const SourcedChars& chars);

}  // namespace deformer
