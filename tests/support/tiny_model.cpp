#include "support/tiny_model.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string_view>

#include "architecture/architecture.h"
#include "architecture/config.h"
#include "base/file.h"
#include "deformer/known_datasets.h"
#include "format/safetensors.h"

namespace deformer::test {
namespace {

// Pieces of tests/golden/xlnet_tokenizer/spiece.model.
constexpr std::int64_t kXlnetVocabularySize = 900;

constexpr const char* kMpnetTokenizerConfig =
    R"({"do_lower_case": true, "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>",
 "unk_token": "[UNK]"}
)";

// Sum of four uniform numbers, scaled to standard deviation 1. std::normal_distribution may differ
// between standard libraries.
class RandomNumbers {
 public:
  explicit RandomNumbers(std::uint64_t seed) : engine_(seed) {}

  float next() {
    double sum = -2.0;
    for (int i = 0; i < 4; ++i) sum += static_cast<double>(engine_() >> 11) * 0x1.0p-53;
    return static_cast<float>(sum * std::sqrt(3.0));
  }

 private:
  std::mt19937_64 engine_;
};

class WeightMaker {
 public:
  explicit WeightMaker(const TinyModelOptions& options)
      : scale_(options.weight_scale), random_(options.seed) {}

  void add(const std::string& name, const Shape& shape, float mean = 0.0f) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    std::vector<float>& values = values_[name];
    for (std::int64_t i = 0; i < count; ++i) values.push_back(mean + scale_ * random_.next());
    views_.push_back({name, Dtype::kF32, shape, std::as_bytes(std::span(values))});
  }

  void add_dense(const std::string& name, std::int64_t in, std::int64_t out) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }

  void add_norm(const std::string& name, std::int64_t size) {
    add(name + ".LayerNorm.weight", {size}, 1.0f);
    add(name + ".LayerNorm.bias", {size});
  }

  [[nodiscard]] const std::vector<TensorView>& views() const { return views_; }

 private:
  float scale_;
  RandomNumbers random_;
  std::map<std::string, std::vector<float>> values_;
  std::vector<TensorView> views_;
};

void add_bert_layer(WeightMaker& weights, const std::string& layer, const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  for (const char* part : {"query", "key", "value"}) {
    weights.add_dense(layer + ".attention.self." + part, hidden, hidden);
  }
  weights.add_dense(layer + ".attention.output.dense", hidden, hidden);
  weights.add_norm(layer + ".attention.output", hidden);
  weights.add_dense(layer + ".intermediate.dense", hidden, config.intermediate_size);
  weights.add_dense(layer + ".output.dense", config.intermediate_size, hidden);
  weights.add_norm(layer + ".output", hidden);
}

void add_bert(WeightMaker& weights, const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  weights.add("bert.embeddings.word_embeddings.weight", {config.vocab_size, hidden});
  weights.add("bert.embeddings.position_embeddings.weight",
              {config.max_position_embeddings, hidden});
  weights.add("bert.embeddings.token_type_embeddings.weight", {config.type_vocab_size, hidden});
  weights.add_norm("bert.embeddings", hidden);
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    add_bert_layer(weights, "bert.encoder.layer." + std::to_string(i), config);
  }
}

void add_xlnet(WeightMaker& weights, const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t heads = config.num_attention_heads;
  const std::int64_t head = config.head_size();
  weights.add("transformer.word_embedding.weight", {config.vocab_size, hidden});
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = "transformer.layer." + std::to_string(i);
    const std::string attention = layer + ".rel_attn.";
    for (const char* part : {"q", "k", "v", "o", "r"}) {
      weights.add(attention + part, {hidden, heads, head});
    }
    for (const char* bias : {"r_w_bias", "r_r_bias", "r_s_bias"}) {
      weights.add(attention + bias, {heads, head});
    }
    weights.add(attention + "seg_embed", {2, heads, head});
    weights.add(attention + "layer_norm.weight", {hidden}, 1.0f);
    weights.add(attention + "layer_norm.bias", {hidden});
    weights.add_dense(layer + ".ff.layer_1", hidden, config.intermediate_size);
    weights.add_dense(layer + ".ff.layer_2", config.intermediate_size, hidden);
    weights.add(layer + ".ff.layer_norm.weight", {hidden}, 1.0f);
    weights.add(layer + ".ff.layer_norm.bias", {hidden});
  }
}

// By the record. BERT and XLNet have their own order, on which the values depend.
void add_by_record(WeightMaker& weights, const ModelConfig& config) {
  std::vector<WeightGroup> groups;
  const auto has = [](std::string_view /*name*/) { return false; };
  architecture_of(config).add_weights(config, config.num_hidden_layers, has, groups);
  for (const WeightGroup& group : groups) {
    if (!group.required) continue;
    for (const auto& [name, shape] : group.shapes) {
      const bool gain = shape.size() == 1 && name.ends_with("weight");
      weights.add(name, shape, gain ? 1.0f : 0.0f);
    }
  }
}

void add_pooled_head(WeightMaker& weights, const ModelConfig& config) {
  const PooledHeadForm& names = pooled_head_form(architecture_of(config), config.task);
  const std::int64_t outputs = config.labels.empty() ? 1 : std::ssize(config.labels);
  weights.add_dense(names.pooler, config.hidden_size, config.hidden_size);
  weights.add_dense(names.output, config.hidden_size, outputs);
}

void write_weights(const std::filesystem::path& path, const ModelConfig& config,
                   const TinyModelOptions& options) {
  WeightMaker weights(options);
  if (config.architecture == "bert") {
    add_bert(weights, config);
  } else if (config.architecture == "xlnet") {
    add_xlnet(weights, config);
  } else {
    add_by_record(weights, config);
  }
  if (config.task != TaskKind::kSpan) {
    add_pooled_head(weights, config);
  } else if (options.span_head) {
    weights.add_dense("qa_outputs", config.hidden_size, 2);
  }
  write_safetensors(path, weights.views(), {{"format", "pt"}});
}

std::string config_text(const ModelConfig& config, const TinyModelOptions& options) {
  auto document = nlohmann::ordered_json::parse(config_to_json(config));
  if (options.ordinary) document.erase("deformer");
  return document.dump(2) + "\n";
}

}  // namespace

std::vector<std::string> tiny_vocabulary(const std::vector<std::string>& extra_words,
                                         const std::string& architecture) {
  std::vector<std::string> words{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  if (architecture == "mpnet") words = {"<s>", "<pad>", "</s>", "[UNK]", "<mask>"};
  for (char c = '!'; c <= '~'; ++c) {
    if (c < 'A' || c > 'Z') words.emplace_back(1, c);
  }
  for (const std::string_view tails : {"0123456789", "abcdefghijklmnopqrstuvwxyz"}) {
    for (const char c : tails) words.push_back(std::string("##") + c);
  }
  for (const char* word :
       {"the", "of", "and", "in", "to", "was", "is", "who", "what", "when", "where", "how", "many",
        "first", "river", "king", "##ing", "##ed", "##er"}) {
    words.emplace_back(word);
  }
  words.insert(words.end(), extra_words.begin(), extra_words.end());
  return words;
}

ModelConfig tiny_model_config(const TinyModelOptions& options) {
  const bool xlnet = options.architecture == "xlnet";
  ModelConfig config;
  config.architecture = options.architecture;
  config.vocab_size =
      xlnet ? kXlnetVocabularySize : std::ssize(tiny_vocabulary(options.extra_words));
  config.hidden_size = options.hidden;
  if (options.architecture == "electra" || options.architecture == "albert") {
    config.embedding_size = options.hidden / 2;
  }
  const bool deberta = options.architecture == "deberta-v2";
  if (deberta) config.distances = {.longest = 64, .buckets = 8, .convolution_rows = 3};
  config.num_hidden_layers = options.layers;
  config.num_attention_heads = options.heads;
  config.intermediate_size = options.intermediate;
  config.max_position_embeddings = xlnet || deberta ? 0 : options.positions;
  config.hidden_act = options.hidden_act;
  config.split = {
      .split_layer = options.split_layer,
      .layout = xlnet && options.layout == Layout::kRestart ? Layout::kPacked : options.layout,
      .max_question_tokens = options.max_question_tokens,
      .window_tokens = options.window_tokens,
      .window_step = options.window_step,
      .max_answer_tokens = options.max_answer_tokens,
      .passage_place = options.passage_place};
  const Task task = parse_task(options.task);
  config.task = task.kind;
  config.labels = task.labels.empty() ? options.labels : task.labels;
  if (!config.split.passage_place && task.passage_first) {
    config.split.passage_place = PassagePlace::kFirst;
  }
  return config;
}

void write_tiny_model(const std::filesystem::path& model_dir, const TinyModelOptions& options) {
  const ModelConfig config = tiny_model_config(options);
  if (options.architecture == "xlnet") {
    write_file(model_dir / "spiece.model", read_file(std::filesystem::path(DEFORMER_SOURCE_DIR) /
                                                     "tests/golden/xlnet_tokenizer/spiece.model"));
    write_file(model_dir / "tokenizer_config.json", "{\"do_lower_case\": false}\n");
  } else {
    std::string vocabulary;
    for (const std::string& word : tiny_vocabulary(options.extra_words, options.architecture)) {
      vocabulary += word + '\n';
    }
    write_file(model_dir / "vocab.txt", vocabulary);
    write_file(model_dir / "tokenizer_config.json", options.architecture == "mpnet"
                                                        ? kMpnetTokenizerConfig
                                                        : "{\"do_lower_case\": true}\n");
  }
  write_file(model_dir / "config.json", config_text(config, options));
  write_weights(model_dir / "model.safetensors", config, options);
}

}  // namespace deformer::test
