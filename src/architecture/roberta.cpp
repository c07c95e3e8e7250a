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
  return outside("type_vocab_size", config.type_vocab_size, 1, kMaxSize);
}

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
