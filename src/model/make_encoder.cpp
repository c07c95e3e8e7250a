#include "model/make_encoder.h"

#include <map>
#include <string>

#include "base/check.h"
#include "model/bert_encoder.h"
#include "model/deberta_encoder.h"
#include "model/xlnet_encoder.h"

namespace deformer {
namespace {

// BERT's relatives differ in what they call their weights and which of them they have.
std::unique_ptr<const Encoder> make_bert(const Architecture& architecture,
                                         const ModelConfig& config, const WeightScope& scope) {
  return std::make_unique<const BertEncoder>(config, *architecture.names, scope);
}

template <typename OwnEncoder>
std::unique_ptr<const Encoder> make_own(const Architecture& /*architecture*/,
                                        const ModelConfig& config, const WeightScope& scope) {
  return std::make_unique<const OwnEncoder>(config, scope);
}

std::map<std::string_view, EncoderFactory>& factories() {
  static std::map<std::string_view, EncoderFactory> known{{"bert", make_bert},
                                                          {"deberta", make_own<DebertaEncoder>},
                                                          {"xlnet", make_own<XlnetEncoder>}};
  return known;
}

}  // namespace

void register_encoder(std::string_view name, EncoderFactory make) {
  factories()[name] = make;
}

std::unique_ptr<const Encoder> make_encoder(const ModelConfig& config, WeightLoader& weights) {
  const Architecture& architecture = architecture_of(config);
  const auto found = factories().find(architecture.encoder);
  DEFORMER_CHECK(found != factories().end());
  const WeightScope scope(weights, std::string(architecture.weights.root));
  return found->second(architecture, config, scope);
}

std::unique_ptr<const PooledHead> load_pooled_head(const ModelConfig& config,
                                                   WeightLoader& weights) {
  const PooledHeadForm& names = pooled_head_form(architecture_of(config), config.task);
  const Shape shape = weights.shape(names.output + ".weight");
  if (shape.empty()) return nullptr;
  // A checkpoint may carry one half of another task's head; it is not asked for.
  if (config.task == TaskKind::kSpan && weights.shape(names.pooler + ".weight").empty())
    return nullptr;
  return std::make_unique<const PooledHead>(config.hidden_size, shape.front(), names, weights);
}

}  // namespace deformer
