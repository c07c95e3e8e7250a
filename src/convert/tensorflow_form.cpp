#include "convert/tensorflow_form.h"

#include <string>

#include "base/json.h"
#include "base/quote.h"
#include "convert/weight_shapes.h"
#include "deformer/error.h"

namespace deformer {
namespace {

constexpr std::int64_t kHeadSize = 64;

// "gelu" is what TensorFlow's code computes under that name.
Activation read_activation(const JsonPlace& root, const char* key, Activation gelu) {
  if (!root.has(key)) return gelu;
  const std::string& name = root.at(key).as_string();
  if (name == "gelu") return gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
  if (name == "relu") return Activation::kRelu;
  throw Error(ErrorCode::kUnsupported,
              root.at(key).where() + ": expected gelu or relu, found " + in_quotes(name));
}

ModelConfig read_bert(const JsonPlace& root, Activation gelu) {
  ModelConfig config;
  config.architecture = bert_form().model_type;
  config.vocab_size = root.at("vocab_size").as_integer();
  config.hidden_size = root.at("hidden_size").as_integer();
  config.num_hidden_layers = root.at("num_hidden_layers").as_integer();
  config.num_attention_heads = root.at("num_attention_heads").as_integer();
  config.intermediate_size = root.at("intermediate_size").as_integer();
  config.max_position_embeddings = root.at("max_position_embeddings").as_integer();
  config.type_vocab_size = root.at("type_vocab_size").as_integer();
  config.hidden_act = read_activation(root, "hidden_act", gelu);
  return config;
}

ModelConfig read_xlnet(const JsonPlace& root, Activation gelu) {
  ModelConfig config;
  config.architecture = xlnet_form().model_type;
  config.vocab_size = root.at("n_token").as_integer();
  config.hidden_size = root.at("d_model").as_integer();
  config.num_hidden_layers = root.at("n_layer").as_integer();
  config.num_attention_heads = root.at("n_head").as_integer();
  config.intermediate_size = root.at("d_inner").as_integer();
  config.hidden_act = read_activation(root, "ff_activation", gelu);
  return config;
}

ModelConfig bert_sizes(const WeightShapes& shapes) {
  ModelConfig config;
  config.architecture = bert_form().model_type;
  const std::string embeddings = "bert.embeddings.";
  config.vocab_size = shapes.size(embeddings + "word_embeddings.weight", 0);
  config.hidden_size = shapes.size(embeddings + "word_embeddings.weight", 1);
  config.max_position_embeddings = shapes.size(embeddings + "position_embeddings.weight", 0);
  config.type_vocab_size = shapes.size(embeddings + "token_type_embeddings.weight", 0);
  config.num_hidden_layers = shapes.layers("bert.encoder.layer.");
  config.intermediate_size = shapes.size("bert.encoder.layer.0.intermediate.dense.weight", 0);
  if (config.hidden_size < kHeadSize || config.hidden_size % kHeadSize != 0) {
    throw Error(ErrorCode::kIncompatible,
                shapes.source().path.string() +
                    ": expected bert_config.json beside it (the shapes do not " +
                    "tell the number of heads), or a hidden size that is a multiple of 64, found " +
                    std::to_string(config.hidden_size));
  }
  config.num_attention_heads = config.hidden_size / kHeadSize;
  return config;
}

ModelConfig xlnet_sizes(const WeightShapes& shapes) {
  ModelConfig config;
  config.architecture = xlnet_form().model_type;
  config.vocab_size = shapes.size("transformer.word_embedding.weight", 0);
  config.hidden_size = shapes.size("transformer.word_embedding.weight", 1);
  config.num_hidden_layers = shapes.layers("transformer.layer.");
  config.num_attention_heads = shapes.size("transformer.layer.0.rel_attn.q", 1);
  config.intermediate_size = shapes.size("transformer.layer.0.ff.layer_1.weight", 0);
  return config;
}

}  // namespace

const TensorflowForm& bert_form() {
  static constexpr TensorflowForm kForm{.model_type = "bert",
                                        .config_file = "bert_config.json",
                                        .read_config = read_bert,
                                        .sizes_from_shapes = bert_sizes,
                                        .guessed = ", heads of 64"};
  return kForm;
}

const TensorflowForm& xlnet_form() {
  static constexpr TensorflowForm kForm{.model_type = "xlnet",
                                        .config_file = "xlnet_config.json",
                                        .read_config = read_xlnet,
                                        .sizes_from_shapes = xlnet_sizes,
                                        .guessed = ""};
  return kForm;
}

std::span<const TensorflowForm* const> tensorflow_forms() {
  static const TensorflowForm* const kForms[] = {&bert_form(), &xlnet_form()};
  return kForms;
}

}  // namespace deformer
