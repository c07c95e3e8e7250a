#include "deformer/model_config.h"

#include "architecture/architecture.h"
#include "architecture/config.h"
#include "base/quote.h"
#include "deformer/error.h"

namespace deformer {

std::vector<std::string> published_model_names() {
  std::vector<std::string> names;
  for (const Architecture* architecture : architectures()) {
    for (const PublishedSizes& model : architecture->published) names.emplace_back(model.name);
  }
  return names;
}

ModelConfig published_model_config(std::string_view name) {
  for (const Architecture* architecture : architectures()) {
    for (const PublishedSizes& model : architecture->published) {
      if (model.name != name) continue;
      ModelConfig config;
      config.architecture = architecture->model_type;
      config.vocab_size = model.vocabulary;
      config.hidden_size = model.hidden;
      config.embedding_size = model.embedding_size;
      config.num_hidden_layers = model.layers;
      config.hidden_act = model.hidden_act;
      config.distances = model.distances;
      config.num_attention_heads = model.heads;
      config.intermediate_size = model.inner;
      config.max_position_embeddings = model.positions;
      config.type_vocab_size = model.token_types;
      config.layer_norm_eps = model.layer_norm_eps;
      config.split.split_layer = model.split_layer;
      config.split.layout = default_layout(config);
      return config;
    }
  }
  std::string known;
  for (const std::string& each : published_model_names())
    known += (known.empty() ? "" : ", ") + each;
  throw Error(ErrorCode::kInvalidArgument,
              "published model: expected one of " + known + ", found " + in_quotes(name));
}

}  // namespace deformer
