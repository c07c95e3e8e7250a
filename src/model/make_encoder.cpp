#include "model/make_encoder.h"

#include <string>

#include "model/architecture.h"

namespace deformer {

std::unique_ptr<const Encoder> make_encoder(const ModelConfig& config, WeightLoader& weights) {
  const Architecture& architecture = architecture_of(config);
  const WeightScope scope(weights, std::string(architecture.weights.root));
  return architecture.make_encoder(config, scope);
}

std::unique_ptr<const PooledHead> load_pooled_head(const ModelConfig& config,
                                                   WeightLoader& weights) {
  const PooledHeadForm& names = pooled_head_form(architecture_of(config), config.task);
  const Shape shape = weights.shape(names.output + ".weight");
  if (shape.empty()) return nullptr;
  // A reader may carry one half of another task's head; it is not asked for.
  if (config.task == TaskKind::kSpan && weights.shape(names.pooler + ".weight").empty())
    return nullptr;
  return std::make_unique<const PooledHead>(config.hidden_size, shape.front(), names, weights);
}

}  // namespace deformer
