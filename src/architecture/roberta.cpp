#include "architecture/records.h"

#include "architecture/bert_family.h"
#include "architecture/config.h"
#include "architecture/config_check.h"
#include "base/json.h"

namespace deformer {
namespace {

constexpr BertForm form(std::string_view model_type, std::string_view class_prefix) {
  return {.model_type = model_type,
          .class_prefix = class_prefix,
          .root = "roberta",
          .frame = kRobertaFrame};
}
constexpr BertForm kRobertaForm = form("roberta", "Roberta");
constexpr BertForm kXlmRobertaForm = form("xlm-roberta", "XLMRoberta");
constexpr BertForm kCamembertForm = form("camembert", "Camembert");

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
  return outside("type_vocab_size", config.type_vocab_size, 1, kMaxLength);
}

constexpr std::string_view kUnused[] = {"roberta.embeddings.position_ids",
                                        "roberta.embeddings.token_type_ids", "roberta.pooler.",
                                        "lm_head."};
constexpr VocabularyFile kBytePairFiles[] = {{"vocab.json", "vocab.json", "merges.txt"},
                                             {"tokenizer.json", "tokenizer.json"}};
constexpr VocabularyFile kSentencePieceFiles[] = {
    {"sentencepiece.bpe.model", "sentencepiece.bpe.model"}, {"tokenizer.json", "tokenizer.json"}};
constexpr PublishedSizes base(std::string_view name, std::int64_t vocabulary) {
  return {.name = name,
          .layers = 12,
          .hidden = 768,
          .heads = 12,
          .inner = 3072,
          .split_layer = 9,
          .vocabulary = vocabulary,
          .positions = 514,
          .token_types = 1,
          .layer_norm_eps = 1e-5};
}
constexpr PublishedSizes large(std::string_view name, std::int64_t vocabulary) {
  PublishedSizes sizes = base(name, vocabulary);
  sizes.layers = 24;
  sizes.hidden = 1024;
  sizes.heads = 16;
  sizes.inner = 4096;
  sizes.split_layer = 20;
  return sizes;
}
constexpr PublishedSizes kRoberta[] = {base("roberta-base", 50265), large("roberta-large", 50265)};
constexpr PublishedSizes kXlmRoberta[] = {base("xlm-roberta-base", 250002)};
constexpr PublishedSizes kCamembert[] = {base("camembert-base", 32005)};

template <const BertForm& kForm>
Architecture make_record(std::span<const PublishedSizes> published,
                         std::span<const VocabularyFile> vocabularies) {
  Architecture record = bert_family_record<kForm>();
  record.read_config = read_config;
  record.write_config = write_config;
  record.check_sizes = check_own_sizes;
  record.vocabularies = vocabularies;
  record.lower_case = false;
  record.weights.unused = kUnused;
  record.class_head = {"classifier.dense", "classifier.out_proj"};
  record.choice_head = {"roberta.pooler.dense", "classifier"};
  record.published = published;
  return record;
}

}  // namespace

const Architecture& roberta_architecture() {
  static const Architecture record = make_record<kRobertaForm>(kRoberta, kBytePairFiles);
  return record;
}

const Architecture& xlm_roberta_architecture() {
  static const Architecture record = make_record<kXlmRobertaForm>(kXlmRoberta, kSentencePieceFiles);
  return record;
}

const Architecture& camembert_architecture() {
  static const Architecture record = make_record<kCamembertForm>(kCamembert, kSentencePieceFiles);
  return record;
}

}  // namespace deformer
