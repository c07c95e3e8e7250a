// The configuration of a source, and the config.json made of it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "convert/checkpoint_source.h"
#include "convert/name_map.h"
#include "convert/weight_selection.h"
#include "deformer/convert.h"
#include "deformer/model_config.h"
#include "format/safetensors.h"

namespace deformer {

struct SourceConfig {
  ModelConfig config;
  Task task = {};                  ///< whose lengths count where the source states none
  bool ordinary = true;            ///< config.json is to have no `deformer` object
  bool split_given = false;        ///< by options: a kept object is replaced
  std::string hugging_face;        ///< text of the source's config.json; empty: there is none
  std::filesystem::path file;      ///< what was read; empty: the shapes told
  std::optional<bool> lower_case;  ///< do_lower_case of that file
};

/// config.json, or the bert_config.json or xlnet_config.json of archives from before 2020. Throws
/// as load_model_config().
[[nodiscard]] SourceConfig load_hugging_face_config(const CheckpointSource& source);

/// bert_config.json or xlnet_config.json in the checkpoint's directory or the one above, else the
/// weights' shapes. "gelu" is the tanh form, which TensorFlow's code computes. DeFormer's scopes
/// give split layer and layout. Throws kCorrupt, kUnsupported, kIncompatible.
[[nodiscard]] SourceConfig load_tensorflow_config(const CheckpointSource& source,
                                                  const NameMap& map);

/// Puts the options' split layer and layout in place and validates. The lengths of an ordinary
/// source become the published ones.
void apply_split(SourceConfig& source, const ConvertOptions& options);

/// The text of config.json. A source's own is kept but for a `deformer` object that the options
/// change, the type of the numbers and a missing model_type; one that is made names the class by
/// the heads.
[[nodiscard]] std::string make_config_json(const SourceConfig& source,
                                           const WeightSelection& weights, Dtype dtype);

}  // namespace deformer
