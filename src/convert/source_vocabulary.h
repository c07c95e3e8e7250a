// The vocabulary that belongs to a source.
#pragma once

#include <filesystem>
#include <string>

#include "convert/checkpoint_source.h"
#include "convert/source_config.h"
#include "deformer/convert.h"

namespace deformer {

struct SourceVocabulary {
  std::filesystem::path file;
  std::string name;                 ///< in a model directory: vocab.txt, spiece.model, ...
  std::filesystem::path companion;  ///< merges.txt of a vocab.json; empty: none
  std::string tokenizer_config;     ///< text of tokenizer_config.json
  std::filesystem::path tokenizer_config_file;  ///< where that was, or else was looked for
};

/// See ConvertOptions. A tokenizer_config.json beside the source, else one beside the vocabulary,
/// is kept, but for an explicit `lower_case`; that beside a vocabulary that was given counts first.
/// Throws kNotFound when there is no vocabulary, naming the files looked for; kCorrupt.
[[nodiscard]] SourceVocabulary find_vocabulary(const CheckpointSource& source,
                                               const SourceConfig& config,
                                               const ConvertOptions& options);

}  // namespace deformer
