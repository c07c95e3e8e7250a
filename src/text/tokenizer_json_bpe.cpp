#include "text/tokenizer_json_bpe.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "deformer/error.h"
#include "text/bpe_tokenizer.h"
#include "text/byte_alphabet.h"
#include "text/tokenizer_json_parts.h"
#include "text/utf8.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

// "a b", or ["a", "b"] since tokenizers 0.20.
BpeMerge read_rule(const JsonPlace& rule, const BpeMergeReader& reader) {
  if (rule.value().is_array()) {
    if (rule.size() != 2) refuse(rule, "two tokens");
    return reader.read(rule.at(std::size_t{0}).as_string(), rule.at(1).as_string(), rule.where());
  }
  const std::string_view text = rule.as_string();
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) refuse(rule, "two tokens with a space between");
  return reader.read(text.substr(0, space), text.substr(space + 1), rule.where());
}

BpeTables read_tables(const JsonPlace& root) {
  const JsonPlace model = root.at("model");
  const JsonPlace vocabulary = model.at("vocab");
  BpeTables tables;
  tables.tokens = read_tokens(vocabulary);
  append_added_tokens(root, tables.tokens);
  require_no_holes(tables.tokens, vocabulary.where());
  const BpeMergeReader reader(tables.tokens);
  const JsonPlace merges = model.at("merges");
  tables.merges.reserve(merges.size());
  for (std::size_t i = 0; i < merges.size(); ++i) {
    tables.merges.push_back(read_rule(merges.at(i), reader));
  }
  return tables;
}

void check_model(const JsonPlace& model) {
  require_known_keys(
      model, {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
              "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    const auto place = model.find(key);
    if (place && place->value() != nlohmann::json("")) refuse(*place, "null");
  }
  for (const char* key : {"fuse_unk", "byte_fallback", "ignore_merges"}) {
    require_value(model, key, false);
  }
}

// Without a token for unknown ones, the reference drops bytes that have no token.
void require_all_bytes(const JsonPlace& model, const std::vector<std::string>& tokens) {
  if (model.find("unk_token")) return;
  for (int byte = 0; byte < 256; ++byte) {
    std::string spelled;
    append_utf8(spelled, byte_character(static_cast<unsigned char>(byte)));
    if (std::find(tokens.begin(), tokens.end(), spelled) != tokens.end()) continue;
    throw Error(ErrorCode::kUnsupported, model.at("vocab").where() +
                                             ": expected a token for every byte, or "
                                             "model.unk_token, found none for \"" +
                                             spelled + "\"");
  }
}

BpeTokenizer::Normalizer read_normalizer(const JsonPlace& root) {
  const auto place = root.find("normalizer");
  if (!place) return BpeTokenizer::Normalizer::kNone;
  if (!place->value().is_object()) refuse(*place, "null or an NFC");
  require_type(*place, "NFC");
  require_known_keys(*place, {"type"});
  return BpeTokenizer::Normalizer::kNfc;
}

// Returns add_prefix_space.
bool read_pre_tokenizer(const JsonPlace& place) {
  if (!place.value().is_object()) refuse(place, "a ByteLevel");
  require_type(place, "ByteLevel");
  require_known_keys(place, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  require_value(place, "use_regex", true);
  return place.at("add_prefix_space").as_bool();
}

std::string read_special(const JsonPlace& place, const std::vector<std::string>& tokens) {
  const std::string& name = place.at(std::size_t{0}).as_string();
  const auto found = std::find(tokens.begin(), tokens.end(), name);
  if (found == tokens.end() || found - tokens.begin() != place.at(1).as_integer()) {
    refuse(place.at(1), "the id of " + name + " in the vocabulary");
  }
  return name;
}

// Which special tokens the layouts are to take; where they stand is the architecture's.
void read_post_processor(const JsonPlace& place, const std::vector<std::string>& tokens,
                         TokenizerConfig& config) {
  const std::string& type = place.at("type").as_string();
  if (type == "ByteLevel") {
    require_known_keys(place, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  } else if (type == "RobertaProcessing") {
    require_known_keys(place, {"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
    config.sep_token = read_special(place.at("sep"), tokens);
    config.cls_token = read_special(place.at("cls"), tokens);
  } else if (type == "TemplateProcessing") {
    require_known_keys(place, {"type", "single", "pair", "special_tokens"});
    const JsonPlace single = place.at("single");
    if (single.size() != 3) refuse(single, "a special token, a text and a special token");
    config.cls_token = single.at(std::size_t{0}).at("SpecialToken").at("id").as_string();
    config.sep_token = single.at(2).at("SpecialToken").at("id").as_string();
  } else {
    refuse(place.at("type"), "RobertaProcessing, TemplateProcessing or ByteLevel");
  }
}

// transformers takes false where tokenizer_config.json does not say it, tokenizers takes this.
void require_stated(const JsonPlace& root, bool add_prefix_space, const TokenizerConfig& stated) {
  if (!add_prefix_space || stated.add_prefix_space) return;
  throw Error(ErrorCode::kIncompatible,
              root.at("pre_tokenizer").at("add_prefix_space").where() +
                  ": expected tokenizer_config.json to say add_prefix_space as well, without "
                  "which transformers takes false, found nothing there");
}

}  // namespace

std::unique_ptr<const Tokenizer> make_json_bpe_tokenizer(const JsonPlace& root,
                                                         const fs::path& model_dir) {
  check_root(root);
  check_model(root.at("model"));
  const BpeTokenizer::Normalizer normalizer = read_normalizer(root);
  const bool add_prefix_space = read_pre_tokenizer(root.at("pre_tokenizer"));
  BpeTables tables = read_tables(root);
  require_all_bytes(root.at("model"), tables.tokens);
  TokenizerConfig config = bpe_tokenizer_defaults(tables.tokens);
  const auto post = root.find("post_processor");
  if (post) read_post_processor(*post, tables.tokens, config);
  if (const auto unk = root.at("model").find("unk_token")) config.unk_token = unk->as_string();
  const TokenizerConfig stated = load_tokenizer_config(model_dir, config);
  require_stated(root, add_prefix_space, stated);
  require_agreement(model_dir, "add_prefix_space", add_prefix_space,
                    stated.add_prefix_space.value_or(false));
  if (post && post->at("type").as_string() != "ByteLevel") {
    require_agreement(model_dir, "cls_token", config.cls_token, stated.cls_token);
    require_agreement(model_dir, "sep_token", config.sep_token, stated.sep_token);
  }
  return std::make_unique<BpeTokenizer>(std::move(tables), stated, root.where(), normalizer);
}

void require_same_tables(const BpeTables& tables, const fs::path& model_dir) {
  const fs::path path = model_dir / "tokenizer.json";
  const std::optional<nlohmann::json> document = load_json_of_type(path, "BPE");
  if (!document) return;
  const JsonPlace root(*document, path.string());
  const BpeTables other = read_tables(root);
  const auto fail = [&](const char* file, const std::string& what, std::size_t at) {
    throw Error(ErrorCode::kIncompatible, path.string() + ": expected the " + what + "s of " +
                                              (model_dir / file).string() + ", found another " +
                                              what + " " + std::to_string(at));
  };
  const auto first_difference = [](const auto& a, const auto& b) {
    const auto [left, right] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    return static_cast<std::size_t>(left - a.begin());
  };
  if (other.tokens != tables.tokens) {
    fail("vocab.json", "token", first_difference(tables.tokens, other.tokens));
  }
  if (other.merges != tables.merges) {
    fail("merges.txt", "rule", first_difference(tables.merges, other.merges));
  }
}

}  // namespace deformer
