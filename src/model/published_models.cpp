#include "deformer/published_models.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "deformer/error.h"
#include "model/config.h"

namespace deformer {
namespace {

struct PublishedModel {
  std::string_view name;
  Architecture architecture;
  std::int64_t layers;
  std::int64_t hidden;
  std::int64_t heads;
  std::int64_t inner;
  int split_layer;
};
constexpr std::array<PublishedModel, 6> kModels{
    {{"bert-base", Architecture::kBert, 12, 768, 12, 3072, 9},
     {"bert-large", Architecture::kBert, 24, 1024, 16, 4096, 20},
     {"mpnet-base", Architecture::kMpnet, 12, 768, 12, 3072, 9},
     {"xlnet-base", Architecture::kXlnet, 12, 768, 12, 3072, 8},
     {"xlnet-large", Architecture::kXlnet, 24, 1024, 16, 4096, 16},
     {"minilm-l6", Architecture::kBert, 6, 384, 12, 1536, 4}}};

// What all published models of an architecture share.
struct Vocabulary {
  std::int64_t size;
  std::int64_t positions;
};
constexpr std::array<Vocabulary, 3> kVocabularies{{{30522, 512}, {32000, 0}, {30527, 514}}};

}  // namespace

std::vector<std::string> published_model_names() {
  std::vector<std::string> names;
  names.reserve(kModels.size());
  for (const PublishedModel& model : kModels) names.emplace_back(model.name);
  return names;
}

ModelConfig published_model_config(std::string_view name) {
  const auto* const model =
      std::find_if(kModels.begin(), kModels.end(),
                   [&](const PublishedModel& known) { return known.name == name; });
  if (model == kModels.end()) {
    std::string known;
    for (const PublishedModel& each : kModels) {
      known += (known.empty() ? "" : ", ") + std::string(each.name);
    }
    throw Error(ErrorCode::kInvalidArgument, "published model: expected one of " + known +
                                                 ", found \"" + std::string(name) + "\"");
  }
  const Vocabulary& vocabulary = kVocabularies[static_cast<std::size_t>(model->architecture)];
  ModelConfig config;
  config.architecture = model->architecture;
  config.vocab_size = vocabulary.size;
  config.hidden_size = model->hidden;
  config.num_hidden_layers = model->layers;
  config.num_attention_heads = model->heads;
  config.intermediate_size = model->inner;
  config.max_position_embeddings = vocabulary.positions;
  config.split.split_layer = model->split_layer;
  config.split.layout = default_layout(model->architecture);
  return config;
}

}  // namespace deformer
