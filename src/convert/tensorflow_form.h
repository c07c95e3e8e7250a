// The checkpoints that TensorFlow's programs wrote: Google's BERT with the original DeFormer, and
// XLNet.
#pragma once

#include <span>

#include "deformer/model_config.h"

namespace deformer {

class JsonPlace;
class WeightShapes;

/// What of such a checkpoint does not follow from the architecture's record.
struct TensorflowForm {
  const char* model_type;   ///< the architecture's
  const char* config_file;  ///< "bert_config.json"
  /// Sizes as that file has them; `gelu`: what that name means.
  ModelConfig (*read_config)(const JsonPlace& root, Activation gelu);
  /// The same from the weights' shapes, where the file is absent.
  ModelConfig (*sizes_from_shapes)(const WeightShapes& shapes);
  const char* guessed;  ///< what the shapes do not tell and is taken as published; "" for nothing
};

[[nodiscard]] const TensorflowForm& bert_form();
[[nodiscard]] const TensorflowForm& xlnet_form();
[[nodiscard]] std::span<const TensorflowForm* const> tensorflow_forms();

}  // namespace deformer
