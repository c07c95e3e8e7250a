#include "text/tokenizer_json.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "deformer/error.h"
#include "text/added_token_tokenizer.h"
#include "text/added_tokens.h"
#include "text/bert_words.h"
#include "text/nfc_text.h"
#include "text/tokenizer_json_bpe.h"
#include "text/tokenizer_json_parts.h"
#include "text/tokenizer_json_unigram.h"
#include "text/wordpiece.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

bool read_flag(const JsonPlace& object, const char* key) {
  return object.at(key).as_bool();
}

void read_normalizer(const JsonPlace& place, TokenizerConfig& config) {
  if (!place.value().is_object()) refuse(place, "a BertNormalizer");
  require_type(place, "BertNormalizer");
  require_known_keys(place,
                     {"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  require_value(place, "clean_text", true);
  config.do_lower_case = read_flag(place, "lowercase");
  config.tokenize_chinese_chars = read_flag(place, "handle_chinese_chars");
  const auto strip = place.find("strip_accents");
  config.strip_accents = strip ? std::optional(strip->as_bool()) : std::nullopt;
}

void check_pre_tokenizer(const JsonPlace& place) {
  if (!place.value().is_object()) refuse(place, "a BertPreTokenizer");
  require_type(place, "BertPreTokenizer");
  require_known_keys(place, {"type"});
}

WordPieceVocabulary read_model(const JsonPlace& model, TokenizerConfig& config) {
  require_known_keys(model, {"type", "unk_token", "continuing_subword_prefix",
                             "max_input_chars_per_word", "vocab"});
  require_value(model, "continuing_subword_prefix", "##");
  require_value(model, "max_input_chars_per_word",
                std::int64_t{WordPieceTokenizer::kMaxWordCodePoints});
  config.unk_token = model.at("unk_token").as_string();
  const JsonPlace vocabulary = model.at("vocab");
  return {read_tokens(vocabulary), vocabulary.where()};
}

void check_added_tokens(const JsonPlace& root, const WordPieceVocabulary& vocabulary) {
  for (const AddedToken& token : read_added_tokens(root)) {
    if (const auto id = vocabulary.find(token.content)) require_id_of_vocabulary(token, *id);
  }
}

// ---- Post-processor: which special tokens stand around a text, as the segment layouts put them.

// "[CLS]" or "$A" with its type.
using TemplatePiece = std::pair<std::string, std::int64_t>;

TemplatePiece read_piece(const JsonPlace& piece) {
  require_known_keys(piece, {"SpecialToken", "Sequence"});
  const bool special = piece.has("SpecialToken");
  const JsonPlace inner = piece.at(special ? "SpecialToken" : "Sequence");
  require_known_keys(inner, {"id", "type_id"});
  return {(special ? "" : "$") + inner.at("id").as_string(), inner.at("type_id").as_integer()};
}

void require_template(const JsonPlace& list, const std::vector<TemplatePiece>& expected) {
  const std::string text = "BERT's or MPNet's order of special tokens and texts";
  if (list.size() != expected.size()) refuse(list, text);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (read_piece(list.at(i)) != expected[i]) refuse(list.at(i), text);
  }
}

void require_id(const JsonPlace& place, const std::string& token,
                const WordPieceVocabulary& vocabulary) {
  const auto id = vocabulary.find(token);
  if (!id || *id != place.as_integer()) refuse(place, "the id of " + token + " in the vocabulary");
}

void read_template(const JsonPlace& place, const WordPieceVocabulary& vocabulary,
                   TokenizerConfig& config) {
  require_known_keys(place, {"type", "single", "pair", "special_tokens"});
  const JsonPlace single = place.at("single");
  if (single.size() != 3) refuse(single, "a special token, a text and a special token");
  config.cls_token = read_piece(single.at(std::size_t{0})).first;
  config.sep_token = read_piece(single.at(2)).first;
  const std::string& cls = config.cls_token;
  const std::string& sep = config.sep_token;
  require_template(single, {{cls, 0}, {"$A", 0}, {sep, 0}});
  const JsonPlace pair = place.at("pair");
  std::vector<TemplatePiece> expected{{cls, 0}, {"$A", 0}, {sep, 0}, {"$B", 1}, {sep, 1}};
  // MPNet has two separators between the texts. Which a model has is its architecture's.
  if (pair.size() == 6) expected.insert(expected.begin() + 2, {sep, 0});
  require_template(pair, expected);
  for (const std::string& token : {cls, sep}) {
    const JsonPlace ids = place.at("special_tokens").at(token.c_str()).at("ids");
    if (ids.size() != 1) refuse(ids, "one id");
    require_id(ids.at(std::size_t{0}), token, vocabulary);
  }
}

// {"sep": ["[SEP]", 102], "cls": ["[CLS]", 101]}; RoBERTa's has options for byte-level BPE besides.
void read_named_tokens(const JsonPlace& place, const WordPieceVocabulary& vocabulary,
                       TokenizerConfig& config) {
  require_known_keys(place, {"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
  const auto read = [&](const char* key) {
    const JsonPlace token = place.at(key);
    const std::string& name = token.at(std::size_t{0}).as_string();
    require_id(token.at(1), name, vocabulary);
    return name;
  };
  config.sep_token = read("sep");
  config.cls_token = read("cls");
}

void read_post_processor(const JsonPlace& place, const WordPieceVocabulary& vocabulary,
                         TokenizerConfig& config) {
  const JsonPlace type = place.at("type");
  if (type.as_string() == "TemplateProcessing") {
    read_template(place, vocabulary, config);
  } else if (type.as_string() == "BertProcessing" || type.as_string() == "RobertaProcessing") {
    read_named_tokens(place, vocabulary, config);
  } else {
    refuse(type, "TemplateProcessing, BertProcessing or RobertaProcessing");
  }
}

// ---- The whole file

struct JsonTokenizer {
  WordPieceVocabulary vocabulary;
  TokenizerConfig config;
};

JsonTokenizer read_tokenizer(const JsonPlace& root) {
  check_root(root);
  TokenizerConfig config;
  WordPieceVocabulary vocabulary = read_model(root.at("model"), config);
  read_normalizer(root.at("normalizer"), config);
  check_pre_tokenizer(root.at("pre_tokenizer"));
  check_added_tokens(root, vocabulary);
  if (const auto post = root.find("post_processor")) read_post_processor(*post, vocabulary, config);
  return {std::move(vocabulary), config};
}

// The two files are written together; where they disagree nothing says which one is meant.
void check_agreement(const TokenizerConfig& json, const TokenizerConfig& stated,
                     const fs::path& model_dir) {
  const auto strips = [](const TokenizerConfig& config) {
    return config.strip_accents.value_or(config.do_lower_case);
  };
  require_agreement(model_dir, "do_lower_case", json.do_lower_case, stated.do_lower_case);
  require_agreement(model_dir, "strip_accents", strips(json), strips(stated));
  require_agreement(model_dir, "tokenize_chinese_chars", json.tokenize_chinese_chars,
                    stated.tokenize_chinese_chars);
  require_agreement(model_dir, "unk_token", json.unk_token, stated.unk_token);
  require_agreement(model_dir, "cls_token", json.cls_token, stated.cls_token);
  require_agreement(model_dir, "sep_token", json.sep_token, stated.sep_token);
}

JsonTokenizer load_wordpiece(const JsonPlace& root, const fs::path& model_dir) {
  JsonTokenizer tokenizer = read_tokenizer(root);
  TokenizerConfig stated = load_tokenizer_config(model_dir, tokenizer.config);
  // Without a post-processor only the other file names these.
  if (!root.find("post_processor")) {
    tokenizer.config.cls_token = stated.cls_token;
    tokenizer.config.sep_token = stated.sep_token;
  }
  check_agreement(tokenizer.config, stated, model_dir);
  tokenizer.config = std::move(stated);
  return tokenizer;
}

[[noreturn]] void refuse_model(const JsonPlace& model) {
  const auto type = model.find("type");
  refuse(type ? *type : model, "a model of type WordPiece, BPE or Unigram");
}

// A tokenizer, and its normalizer for the added tokens that are searched for behind it.
struct PlainTokenizer {
  std::unique_ptr<const Tokenizer> tokenizer;
  AddedTokenTokenizer::Normalize normalize = nullptr;
};

PlainTokenizer make_tokenizer(const JsonPlace& root, const fs::path& model_dir) {
  const std::string type = model_type(root.at("model"));
  if (type == "BPE") return {make_json_bpe_tokenizer(root, model_dir), nfc_text};
  if (type == "Unigram") return {make_json_unigram_tokenizer(root, model_dir)};
  if (type != "WordPiece") refuse_model(root.at("model"));
  JsonTokenizer made = load_wordpiece(root, model_dir);
  return {std::make_unique<const WordPieceTokenizer>(std::move(made.vocabulary), made.config,
                                                     root.where()),
          [cleaning = bert_cleaning(made.config)](std::string_view text) {
            return bert_normalized(text, cleaning);
          }};
}

// As Hugging Face's `tokenizers`: a text is cut at the plain ones first, what is left at the
// others.
std::unique_ptr<const Tokenizer> with_added_tokens(PlainTokenizer made, const JsonPlace& root) {
  std::vector<AddedTokenTokenizer::Token> plain;
  std::vector<AddedTokenTokenizer::Token> normalized;
  for (AddedToken& token : read_added_tokens(root)) {
    if (token.special) continue;
    if (token.normalized && made.normalize(token.content).text.empty()) {
      throw Error(ErrorCode::kUnsupported,
                  token.id_place + ": expected a token of which the normalizer leaves something, " +
                      "found " + nlohmann::json(token.content).dump());
    }
    (token.normalized ? normalized : plain).push_back({std::move(token.content), token.id});
  }
  std::unique_ptr<const Tokenizer> result = std::move(made.tokenizer);
  if (!normalized.empty()) {
    result = std::make_unique<const AddedTokenTokenizer>(std::move(result), normalized,
                                                         std::move(made.normalize));
  }
  if (plain.empty()) return result;
  return std::make_unique<const AddedTokenTokenizer>(std::move(result), plain);
}

std::string token_at(const WordPieceVocabulary& vocabulary, std::size_t id) {
  if (id >= vocabulary.size()) return "";
  // Of equal lines the last one counts.
  const std::string& token = vocabulary.token(id);
  return vocabulary.find(token) == static_cast<std::int32_t>(id) ? token : "";
}

}  // namespace

std::unique_ptr<const Tokenizer> load_json_tokenizer(const fs::path& model_dir,
                                                     OtherTokenizer /*other*/) {
  const fs::path path = model_dir / "tokenizer.json";
  const nlohmann::json document = load_json(path);
  const JsonPlace root(document, path.string());
  return with_added_tokens(make_tokenizer(root, model_dir), root);
}

TokenizerConfig load_json_tokenizer_config(const fs::path& model_dir) {
  const fs::path path = model_dir / "tokenizer.json";
  const nlohmann::json document = load_json(path);
  const JsonPlace root(document, path.string());
  const std::string type = model_type(root.at("model"));
  if (type == "WordPiece") return load_wordpiece(root, model_dir).config;
  // Byte-level BPE keeps texts as they are.
  return {.do_lower_case = type == "Unigram" && json_unigram_lower_case(root)};
}

void require_same_vocabulary(const WordPieceVocabulary& vocabulary, const fs::path& lines,
                             const fs::path& json) {
  const std::optional<nlohmann::json> document = load_json_of_type(json, "WordPiece");
  if (!document) return;
  const JsonPlace root(*document, json.string());
  const JsonPlace place = root.at("model").at("vocab");
  const WordPieceVocabulary other(read_tokens(place), place.where());
  for (std::size_t id = 0; id < std::max(vocabulary.size(), other.size()); ++id) {
    const std::string found = token_at(other, id);
    const std::string expected = token_at(vocabulary, id);
    if (found == expected) continue;
    throw Error(ErrorCode::kIncompatible,
                json.string() + ": expected the vocabulary of " + lines.string() +
                    ", found token " + std::to_string(id) + " " + nlohmann::json(found).dump() +
                    " instead of " + nlohmann::json(expected).dump());
  }
  require_no_added_tokens(root, vocabulary.size(), lines.filename().string());
}

}  // namespace deformer
