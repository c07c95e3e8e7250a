#include "architecture/records.h"

#include "architecture/bert_family.h"

namespace deformer {
namespace {

constexpr BertForm kForm{.model_type = "bert", .class_prefix = "Bert", .root = "bert"};

constexpr std::string_view kUnused[] = {"bert.embeddings.position_ids",
                                        "bert.embeddings.token_type_ids", "bert.pooler.", "cls."};
constexpr PublishedSizes kPublished[] = {{"bert-base", 12, 768, 12, 3072, 9, 30522, 512},
                                         {"bert-large", 24, 1024, 16, 4096, 20, 30522, 512},
                                         {"minilm-l6", 6, 384, 12, 1536, 4, 30522, 512}};

Architecture make_record() {
  Architecture bert = bert_family_record<kForm>();
  bert.weights.unused = kUnused;
  bert.class_head = {"bert.pooler.dense", "classifier"};
  bert.choice_head = {"bert.pooler.dense", "classifier"};
  bert.published = kPublished;
  return bert;
}

}  // namespace

const Architecture& bert_architecture() {
  static const Architecture record = make_record();
  return record;
}

}  // namespace deformer
