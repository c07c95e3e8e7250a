#include "model/roberta/roberta_architecture.h"

#include "base/json.h"
#include "model/bert/bert_architecture.h"
#include "model/bert/bert_layout.h"
#include "model/bert/make_bert.h"
#include "model/config.h"
#include "model/config_check.h"

namespace deformer {
namespace {

// The first position follows that of padding, and all published models have this one.
constexpr std::int64_t kPadding = 1;

void read_config(const JsonPlace& root, ModelConfig& config) {
  read_bert_config(root, config);
  const std::int64_t padding = integer_or(root, "pad_token_id", kPadding);
  if (padding == kPadding) return;
  unsupported(root.at("pad_token_id"), std::to_string(kPadding), std::to_string(padding));
}

std::vector<ConfigEntry> write_config(const ModelConfig& config) {
  std::vector<ConfigEntry> entries = write_bert_config(config);
  entries.emplace_back("pad_token_id", kPadding);
  return entries;
}

// Both segments have type 0.
std::optional<std::string> check_own_sizes(const ModelConfig& config) {
  if (auto found = check_bert_positions(config)) return found;
  return outside("type_vocab_size", config.type_vocab_size, 1, kMaxSize);
}

std::unique_ptr<const SegmentLayout> make_layout(const ModelConfig& config,
                                                 const SpecialTokens& special_tokens) {
  return std::make_unique<const BertLayout>(passage_place(config), config.split.layout,
                                            special_tokens, kRobertaFrame);
}

void add_weights(const ModelConfig& config, std::int64_t layers, const HasWeight& /*has*/,
                 std::vector<WeightGroup>& groups) {
  groups.push_back(bert_weights(config, kBertNames, "roberta.", layers));
}

constexpr std::string_view kBare[] = {"embeddings.", "encoder.", "pooler."};
constexpr std::string_view kUnused[] = {"roberta.embeddings.position_ids",
                                        "roberta.embeddings.token_type_ids", "roberta.pooler.",
                                        "lm_head."};
constexpr VocabularyFile kBytePairFiles[] = {{"vocab.json", "vocab.json", "merges.txt"},
                                             {"tokenizer.json", "tokenizer.json"}};
constexpr VocabularyFile kSentencePieceFiles[] = {
    {"sentencepiece.bpe.model", "sentencepiece.bpe.model"}, {"tokenizer.json", "tokenizer.json"}};
constexpr PublishedSizes kRoberta[] = {{"roberta-base", 12, 768, 12, 3072, 9, 50265, 514},
                                       {"roberta-large", 24, 1024, 16, 4096, 20, 50265, 514}};
constexpr PublishedSizes kXlmRoberta[] = {{"xlm-roberta-base", 12, 768, 12, 3072, 9, 250002, 514}};
constexpr PublishedSizes kCamembert[] = {{"camembert-base", 12, 768, 12, 3072, 9, 32005, 514}};

// Without what the three differ in.
Architecture common_record() {
  return {.model_type = {},
          .class_prefix = {},
          .reader_class_suffix = "ForQuestionAnswering",
          .size_keys = kBertSizeKeys,
          .layouts = kBertLayouts,
          .reader_place = PassagePlace::kSecond,
          .read_config = read_config,
          .write_config = write_config,
          .check_sizes = check_own_sizes,
          .vocabularies = kSentencePieceFiles,
          .lower_case = false,
          .make_layout = make_layout,
          .weights = {.root = "roberta",
                      .layers = "encoder.layer.",
                      .attention = ".attention.",
                      .embeddings = "embeddings.",
                      .shared = "",
                      .bare = kBare,
                      .unused = kUnused},
          .class_head = {"classifier.dense", "classifier.out_proj"},
          .choice_head = {"roberta.pooler.dense", "classifier"},
          .add_weights = add_weights,
          .make_encoder = make_bert_encoder,
          .attention_products = 2,
          .published = {}};
}

Architecture make_record(std::string_view model_type, std::string_view class_prefix,
                         std::span<const PublishedSizes> published) {
  Architecture record = common_record();
  record.model_type = model_type;
  record.class_prefix = class_prefix;
  record.published = published;
  return record;
}

}  // namespace

const Architecture& roberta_architecture() {
  static const Architecture record = [] {
    Architecture roberta = make_record("roberta", "Roberta", kRoberta);
    roberta.vocabularies = kBytePairFiles;
    return roberta;
  }();
  return record;
}

const Architecture& xlm_roberta_architecture() {
  static const Architecture record = make_record("xlm-roberta", "XLMRoberta", kXlmRoberta);
  return record;
}

const Architecture& camembert_architecture() {
  static const Architecture record = make_record("camembert", "Camembert", kCamembert);
  return record;
}

}  // namespace deformer
