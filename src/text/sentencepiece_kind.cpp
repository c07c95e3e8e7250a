#include "text/sentencepiece_kind.h"

#include <array>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "deformer/error.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

// fairseq's order, in which SentencePiece's first three pieces have other places.
constexpr std::array<std::string_view, 4> kXlmRobertaTokens = {"<s>", "<pad>", "</s>", "<unk>"};
constexpr std::array<std::string_view, 5> kCamembertTokens = {"<s>NOTUSED", "<pad>", "</s>NOTUSED",
                                                              "<unk>", "<unk>NOTUSED"};

const std::array<const SentencePieceKind*, 5> kPieceKinds = {
    &kXlnetPieces, &kAlbertPieces, &kXlmRobertaPieces, &kCamembertPieces, &kDebertaPieces};

// The first kind whose file is there, with the classes of that file for messages.
const SentencePieceKind& first_kind(const fs::path& model_dir) {
  for (const SentencePieceKind* kind : kPieceKinds) {
    if (!is_absent(model_dir / kind->file)) return *kind;
  }
  throw Error(ErrorCode::kNotFound,
              model_dir.string() + ": expected a SentencePiece model, found none");
}

const SentencePieceKind& kind_of_class(const std::string& name, std::string_view file,
                                       const std::string& where) {
  std::string known;
  for (const SentencePieceKind* kind : kPieceKinds) {
    if (kind->file != file) continue;
    if (kind->tokenizer_class == name) return *kind;
    known += (known.empty() ? "" : " or ") + std::string(kind->tokenizer_class);
  }
  throw Error(ErrorCode::kUnsupported, where + ": tokenizer_class: expected " + known +
                                           " with the file " + std::string(file) + ", found \"" +
                                           name + "\"");
}

struct ModelNames {
  std::string tokenizer_class;
  std::string model_type;
};

// "Camembert": with it begin the names of the classes that read such a tokenizer.
std::string_view class_prefix(const SentencePieceKind& kind) {
  constexpr std::string_view kEnd = "Tokenizer";
  return kind.tokenizer_class.substr(0, kind.tokenizer_class.size() - kEnd.size());
}

// Configurations from before `model_type` existed name the model's class only.
std::string type_of_class(const JsonPlace& root) {
  const auto classes = root.find("architectures");
  for (std::size_t i = 0; classes && i < classes->size(); ++i) {
    for (const SentencePieceKind* kind : kPieceKinds) {
      if (!classes->at(i).as_string().starts_with(class_prefix(*kind))) continue;
      return std::string(kind->model_type);
    }
  }
  return "";
}

ModelNames read_model_names(const fs::path& path) {
  if (is_absent(path)) return {};
  const nlohmann::json document = load_json(path);
  const JsonPlace root(document, path.string());
  const auto name = root.find("tokenizer_class");
  const auto type = root.find("model_type");
  return {without_fast(name ? name->as_string() : ""),
          type ? type->as_string() : type_of_class(root)};
}

}  // namespace

const SentencePieceKind kXlnetPieces = {.tokenizer_class = "XLNetTokenizer",
                                        .model_type = "xlnet",
                                        .file = "spiece.model",
                                        .cleaning = SentencePieceKind::Cleaning::kXlnet,
                                        .cls = "<cls>",
                                        .sep = "<sep>",
                                        .pad = "<pad>",
                                        .unk = "<unk>",
                                        .first_tokens = {}};
const SentencePieceKind kAlbertPieces = {.tokenizer_class = "AlbertTokenizer",
                                         .model_type = "albert",
                                         .file = "spiece.model",
                                         .cleaning = SentencePieceKind::Cleaning::kXlnet,
                                         .lower_case = true,
                                         .cls = "[CLS]",
                                         .sep = "[SEP]",
                                         .pad = "<pad>",
                                         .unk = "<unk>",
                                         .first_tokens = {}};
const SentencePieceKind kXlmRobertaPieces = {.tokenizer_class = "XLMRobertaTokenizer",
                                             .model_type = "xlm-roberta",
                                             .file = "sentencepiece.bpe.model",
                                             .cls = "<s>",
                                             .sep = "</s>",
                                             .pad = "<pad>",
                                             .unk = "<unk>",
                                             .first_tokens = kXlmRobertaTokens,
                                             .shift = 1};
const SentencePieceKind kCamembertPieces = {.tokenizer_class = "CamembertTokenizer",
                                            .model_type = "camembert",
                                            .file = "sentencepiece.bpe.model",
                                            .cls = "<s>",
                                            .sep = "</s>",
                                            .pad = "<pad>",
                                            .unk = "<unk>",
                                            .first_tokens = kCamembertTokens,
                                            .shift = 4};
const SentencePieceKind kDebertaPieces = {.tokenizer_class = "DebertaV2Tokenizer",
                                          .model_type = "deberta-v2",
                                          .file = "spm.model",
                                          .cleaning = SentencePieceKind::Cleaning::kLower,
                                          .cls = "[CLS]",
                                          .sep = "[SEP]",
                                          .pad = "[PAD]",
                                          .unk = "[UNK]",
                                          .first_tokens = {}};

TokenizerConfig sentencepiece_defaults(const SentencePieceKind& kind) {
  TokenizerConfig config;
  config.do_lower_case = kind.lower_case;
  config.cls_token = kind.cls;
  config.sep_token = kind.sep;
  config.pad_token = kind.pad;
  config.unk_token = kind.unk;
  return config;
}

const SentencePieceKind& find_sentencepiece_kind(const fs::path& model_dir) {
  const SentencePieceKind& first = first_kind(model_dir);
  const std::string stated = load_tokenizer_config(model_dir).tokenizer_class;
  const fs::path stating = model_dir / "tokenizer_config.json";
  if (names_a_kind(stated)) return kind_of_class(stated, first.file, stating.string());
  const fs::path config = model_dir / "config.json";
  const ModelNames names = read_model_names(config);
  if (names_a_kind(names.tokenizer_class)) {
    return kind_of_class(names.tokenizer_class, first.file, config.string());
  }
  for (const SentencePieceKind* kind : kPieceKinds) {
    if (kind->file == first.file && kind->model_type == names.model_type) return *kind;
  }
  return first;
}

}  // namespace deformer
