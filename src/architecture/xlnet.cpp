#include "architecture/records.h"

#include "architecture/config.h"
#include "architecture/xlnet_layout.h"
#include "base/json.h"

namespace deformer {
namespace {

constexpr const char* kSharedBias = "transformer.r_w_bias";

// How the head for classes and choices makes one vector of a sequence.
void refuse_other_summaries(const JsonPlace& root) {
  refuse_other(root, "summary_type", "last");
  refuse_other(root, "summary_activation", "tanh");
  if (root.has("summary_use_proj") && !root.at("summary_use_proj").as_bool()) {
    unsupported(root.at("summary_use_proj"), "true", "false");
  }
}

// What concerns memories and pretraining alone is left aside.
void read_config(const JsonPlace& root, ModelConfig& config) {
  config.max_position_embeddings = 0;
  refuse_other(root, "attn_type", "bi");
  if (root.has("bi_data") && root.at("bi_data").as_bool()) {
    unsupported(root.at("bi_data"), "false", "true");
  }
  if (integer_or(root, "clamp_len", -1) > 0) {
    unsupported(root.at("clamp_len"), "-1 (distances without limit)",
                std::to_string(root.at("clamp_len").as_integer()));
  }
  const std::int64_t head_size = integer_or(root, "d_head", config.head_size());
  if (head_size != config.head_size()) {
    unsupported(root.at("d_head"), "d_model / n_head = " + std::to_string(config.head_size()),
                std::to_string(head_size));
  }
  if (config.task != TaskKind::kSpan) refuse_other_summaries(root);
}

std::vector<ConfigEntry> write_config(const ModelConfig& config) {
  return {{"d_head", config.head_size()}};
}

// Sinusoids come in pairs.
std::optional<std::string> check_own_sizes(const ModelConfig& config) {
  if (config.hidden_size % 2 == 0) return std::nullopt;
  return "d_model: expected an even number, found " + std::to_string(config.hidden_size);
}

std::unique_ptr<const SegmentLayout> make_layout(const ModelConfig& config,
                                                 const SpecialTokens& special_tokens) {
  return std::make_unique<const XlnetLayout>(passage_place(config), special_tokens);
}

// Hugging Face's files of before may hold the biases once for all layers.
void add_weights(const ModelConfig& config, std::int64_t layers, const HasWeight& has,
                 std::vector<WeightGroup>& groups) {
  WeightGroup group{.shapes = {}, .required = true};
  const bool shared_biases = has(kSharedBias);
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t heads = config.num_attention_heads;
  const std::int64_t head = config.head_size();
  const auto add_biases = [&](const std::string& scope) {
    for (const char* bias : {"r_w_bias", "r_r_bias", "r_s_bias"}) {
      group.add(scope + bias, {heads, head});
    }
  };
  group.add("transformer.word_embedding.weight", {config.vocab_size, hidden});
  if (shared_biases) add_biases("transformer.");
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string layer = "transformer.layer." + std::to_string(i) + ".";
    for (const char* part : {"q", "k", "v", "o", "r"}) {
      group.add(layer + "rel_attn." + part, {hidden, heads, head});
    }
    if (!shared_biases) add_biases(layer + "rel_attn.");
    group.add(layer + "rel_attn.seg_embed", {2, heads, head});
    group.add_norm(layer + "rel_attn.layer_norm", hidden);
    group.add_dense(layer + "ff.layer_1", hidden, config.intermediate_size);
    group.add_dense(layer + "ff.layer_2", config.intermediate_size, hidden);
    group.add_norm(layer + "ff.layer_norm", hidden);
  }
  groups.push_back(std::move(group));
  groups.emplace_back().add("transformer.mask_emb", {1, 1, hidden});
}

std::string describe(const ModelConfig& /*config*/) {
  return "relative, sinusoids of distances without limit";
}

constexpr Layout kLayouts[] = {Layout::kPacked, Layout::kSlots, Layout::kContinue};
constexpr std::string_view kBare[] = {"word_embedding.", "layer.", "mask_emb"};
constexpr std::string_view kUnused[] = {"transformer.mask_emb", "lm_loss.", "sequence_summary.",
                                        "logits_proj."};
constexpr std::string_view kShared[] = {"r_"};
constexpr VocabularyFile kVocabularies[] = {{"spiece.model", "spiece.model"},
                                            {"tokenizer.json", "tokenizer.json"}};
constexpr PublishedSizes kPublished[] = {{"xlnet-base", 12, 768, 12, 3072, 8, 32000, 0},
                                         {"xlnet-large", 24, 1024, 16, 4096, 16, 32000, 0}};

}  // namespace

const Architecture& xlnet_architecture() {
  static const Architecture record{.model_type = "xlnet",
                                   .class_prefix = "XLNet",
                                   .span_class_suffix = "ForQuestionAnsweringSimple",
                                   .size_keys = {.hidden_size = "d_model",
                                                 .num_hidden_layers = "n_layer",
                                                 .num_attention_heads = "n_head",
                                                 .intermediate_size = "d_inner",
                                                 .hidden_act = "ff_activation",
                                                 .old_vocab_size = "n_token"},
                                   .layouts = kLayouts,
                                   .span_passage_place = PassagePlace::kFirst,
                                   .read_config = read_config,
                                   .write_config = write_config,
                                   .check_sizes = check_own_sizes,
                                   .vocabularies = kVocabularies,
                                   .lower_case = false,
                                   .make_layout = make_layout,
                                   .weights = {.root = "transformer",
                                               .layers = "layer.",
                                               .attention = ".rel_attn.",
                                               .embeddings = "word_embedding.",
                                               .shared = kShared,
                                               .bare = kBare,
                                               .unused = kUnused},
                                   .class_head = {"sequence_summary.summary", "logits_proj"},
                                   .choice_head = {"sequence_summary.summary", "logits_proj"},
                                   .add_weights = add_weights,
                                   .encoder = "xlnet",
                                   .describe_positions = describe,
                                   .attention_products = 3,
                                   .published = kPublished};
  return record;
}

}  // namespace deformer
