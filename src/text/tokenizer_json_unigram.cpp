#include "text/tokenizer_json_unigram.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/hash.h"
#include "base/json.h"
#include "deformer/error.h"
#include "text/added_tokens.h"
#include "text/tokenizer_config.h"
#include "text/tokenizer_json_parts.h"
#include "text/unigram_tokenizer.h"
#include "text/utf8.h"
#include "text/vocabulary.h"
#include "text/word_mark.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;
using Step = NormalizerStep;

std::u32string code_points(std::string_view text) {
  std::u32string result;
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar c = decode_utf8(text, at);
    result += c.code_point;
    at += c.size_bytes;
  }
  return result;
}

// ---- Normalizer

// The patterns that files have.
Step::Kind squeeze_kind(const JsonPlace& pattern) {
  const std::string& text = pattern.as_string();
  if (text == " {2,}") return Step::Kind::kSqueezeSpaces;
  if (text == R"(\s{2,}|[\n\r\t])") return Step::Kind::kSqueezeWhiteSpace;
  refuse(pattern, R"(" {2,}" or "\\s{2,}|[\\n\\r\\t]")");
}

Step read_replace(const JsonPlace& place) {
  require_known_keys(place, {"type", "pattern", "content"});
  const JsonPlace pattern = place.at("pattern");
  require_known_keys(pattern, {"String", "Regex"});
  std::u32string content = code_points(place.at("content").as_string());
  if (pattern.has("Regex")) return {.kind = squeeze_kind(pattern.at("Regex")), .to = content};
  const JsonPlace text = pattern.at("String");
  if (text.as_string().empty()) refuse(text, "a text");
  return {.kind = Step::Kind::kReplace,
          .from = code_points(text.as_string()),
          .to = std::move(content)};
}

void read_strip(const JsonPlace& place, std::vector<Step>& steps) {
  require_known_keys(place, {"type", "strip_left", "strip_right"});
  if (place.at("strip_left").as_bool()) steps.push_back({.kind = Step::Kind::kStripLeft});
  if (place.at("strip_right").as_bool()) steps.push_back({.kind = Step::Kind::kStripRight});
}

// An empty table, which a model without normalisation has, replaces nothing.
void read_precompiled(const JsonPlace& place, std::vector<Step>& steps) {
  require_known_keys(place, {"type", "precompiled_charsmap"});
  const auto table = place.find("precompiled_charsmap");
  if (!table || table->as_string().empty()) return;
  const auto blob = decode_base64(table->as_string());
  if (!blob) {
    throw Error(ErrorCode::kCorrupt, table->where() + ": expected base64, found " + shown(*table));
  }
  steps.push_back({.kind = Step::Kind::kPrecompiled,
                   .charsmap = std::make_shared<const PrecompiledCharsmap>(*blob, table->where())});
}

void read_normalizer(const JsonPlace& place, std::vector<Step>& steps) {
  const JsonPlace type = place.at("type");
  const std::string& name = type.as_string();
  constexpr std::array<std::pair<std::string_view, Step::Kind>, 4> kPlain{
      {{"NFC", Step::Kind::kNfc},
       {"NFKD", Step::Kind::kNfkd},
       {"StripAccents", Step::Kind::kStripAccents},
       {"Lowercase", Step::Kind::kLowercase}}};
  for (const auto& [plain, kind] : kPlain) {
    if (name != plain) continue;
    require_known_keys(place, {"type"});
    steps.push_back({.kind = kind});
    return;
  }
  if (name == "Sequence") {
    require_known_keys(place, {"type", "normalizers"});
    const JsonPlace list = place.at("normalizers");
    for (std::size_t i = 0; i < list.size(); ++i) read_normalizer(list.at(i), steps);
  } else if (name == "Replace") {
    steps.push_back(read_replace(place));
  } else if (name == "Strip") {
    read_strip(place, steps);
  } else if (name == "Precompiled") {
    read_precompiled(place, steps);
  } else {
    refuse(type,
           "Sequence, Precompiled, Replace, Strip, NFC, NFKD, StripAccents or Lowercase with a "
           "Unigram model");
  }
}

std::vector<Step> read_steps(const JsonPlace& root) {
  std::vector<Step> steps;
  if (const auto normalizer = root.find("normalizer")) read_normalizer(*normalizer, steps);
  return steps;
}

// ---- Words

void check_metaspace(const JsonPlace& place) {
  require_known_keys(
      place, {"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"});
  for (const char* key : {"replacement", "str_rep"}) {
    if (place.has(key) && place.at(key).as_string() != kWordMarkText)
      refuse(place.at(key), "\"\u2581\"");
  }
  require_value(place, "add_prefix_space", true);
  require_value(place, "prepend_scheme", "always");
  require_value(place, "split", true);
}

void read_pre_tokenizer(const JsonPlace& place, UnigramWords& words, bool& has_metaspace) {
  const JsonPlace type = place.at("type");
  const std::string& name = type.as_string();
  if (has_metaspace) refuse(type, "Metaspace last");
  if (name == "Sequence") {
    require_known_keys(place, {"type", "pretokenizers"});
    const JsonPlace list = place.at("pretokenizers");
    for (std::size_t i = 0; i < list.size(); ++i) {
      read_pre_tokenizer(list.at(i), words, has_metaspace);
    }
  } else if (name == "Metaspace") {
    check_metaspace(place);
    has_metaspace = true;
  } else if (name == "WhitespaceSplit") {
    require_known_keys(place, {"type"});
    words.splits_white_space = true;
  } else if (name == "Punctuation") {
    require_known_keys(place, {"type", "behavior"});
    require_value(place, "behavior", "Isolated");
    words.splits_punctuation = true;
  } else {
    refuse(type, "Sequence, Metaspace, WhitespaceSplit or Punctuation with a Unigram model");
  }
}

UnigramWords read_words(const JsonPlace& root) {
  UnigramWords words;
  bool has_metaspace = false;
  const JsonPlace place = root.at("pre_tokenizer");
  if (!place.value().is_object()) refuse(place, "a Metaspace");
  read_pre_tokenizer(place, words, has_metaspace);
  if (!has_metaspace) refuse(place, "a Metaspace");
  return words;
}

// ---- Pieces and special tokens

std::vector<ScoredPiece> read_pieces(const JsonPlace& vocabulary) {
  std::vector<ScoredPiece> pieces;
  pieces.reserve(vocabulary.size());
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const JsonPlace piece = vocabulary.at(i);
    if (piece.size() != 2) refuse(piece, "a piece and its score");
    pieces.push_back({piece.at(std::size_t{0}).as_string(), piece.at(1).as_number()});
  }
  return pieces;
}

UnigramModel read_model(const JsonPlace& root, std::vector<std::string>& names) {
  const JsonPlace model = root.at("model");
  require_known_keys(model, {"type", "unk_id", "vocab", "byte_fallback"});
  require_value(model, "byte_fallback", false);
  std::vector<ScoredPiece> pieces = read_pieces(model.at("vocab"));
  const JsonPlace unk = model.at("unk_id");
  const std::int64_t unk_id = unk.as_integer();
  if (unk_id < 0 || unk_id >= std::ssize(pieces)) {
    throw Error(ErrorCode::kCorrupt, unk.where() + ": expected an id below " +
                                         std::to_string(pieces.size()) + ", found " +
                                         std::to_string(unk_id));
  }
  for (const ScoredPiece& piece : pieces) names.push_back(piece.text);
  const std::size_t before = names.size();
  append_added_tokens(root, names);
  require_no_holes({names.begin() + static_cast<std::ptrdiff_t>(before), names.end()},
                   root.where() + ".added_tokens");
  // The name of a special token in a text is plain text.
  std::vector<bool> hidden(pieces.size());
  hidden[static_cast<std::size_t>(unk_id)] = true;
  for (const AddedToken& token : read_added_tokens(root)) {
    const auto id = static_cast<std::size_t>(token.id);
    if (token.special && id < hidden.size()) hidden[id] = true;
  }
  return {std::move(pieces), hidden, static_cast<std::int32_t>(unk_id)};
}

// "<s>", or nothing for a text.
std::string special_at(const JsonPlace& list, std::size_t at) {
  const auto token = list.at(at).find("SpecialToken");
  return token ? token->at("id").as_string() : "";
}

// `[CLS] A [SEP]`, or XLNet's `A <sep> <cls>`. False for the texts alone, which transformers 5
// writes for a SentencePiece model without a tokenizer.json: it names no tokens.
bool read_template(const JsonPlace& place, TokenizerConfig& config) {
  require_known_keys(place, {"type", "single", "pair", "special_tokens"});
  const JsonPlace single = place.at("single");
  if (single.size() == 1 && special_at(single, 0).empty()) return false;
  if (single.size() != 3) refuse(single, "a text and two special tokens");
  const std::string first = special_at(single, 0);
  const std::string middle = special_at(single, 1);
  const std::string last = special_at(single, 2);
  if (last.empty() || first.empty() == middle.empty()) {
    refuse(single, "a text and two special tokens");
  }
  config.cls_token = first.empty() ? last : first;
  config.sep_token = first.empty() ? middle : last;
  return true;
}

bool holds(const std::vector<std::string>& names, const char* name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What tokenizer_config.json leaves unsaid.
TokenizerConfig defaults_for(const std::vector<std::string>& names) {
  TokenizerConfig config;
  if (!holds(names, "[PAD]")) config.pad_token = "<pad>";
  if (holds(names, "[CLS]")) return config;
  const bool is_xlnet = holds(names, "<cls>");
  config.cls_token = is_xlnet ? "<cls>" : "<s>";
  config.sep_token = is_xlnet ? "<sep>" : "</s>";
  return config;
}

SpecialTokens read_special(const JsonPlace& root, const fs::path& model_dir,
                           const UnigramModel& model, const std::vector<std::string>& names) {
  TokenizerConfig config = defaults_for(names);
  config.unk_token = names[static_cast<std::size_t>(model.unk())];
  bool is_named = false;
  if (const auto post = root.find("post_processor")) {
    require_type(*post, "TemplateProcessing");
    is_named = read_template(*post, config);
  }
  const TokenizerConfig stated = load_tokenizer_config(model_dir, config);
  require_agreement(model_dir, "unk_token", config.unk_token, stated.unk_token);
  if (is_named) {
    require_agreement(model_dir, "cls_token", config.cls_token, stated.cls_token);
    require_agreement(model_dir, "sep_token", config.sep_token, stated.sep_token);
  }
  const std::string where = root.where();
  return {.cls = special_id(names, stated.cls_token, where),
          .sep = special_id(names, stated.sep_token, where),
          .pad = special_id(names, stated.pad_token, where),
          .unk = model.unk()};
}

// ---- Hash: what ids depend on

std::uint64_t hash_of(const JsonPlace& root, const UnigramModel& model,
                      const SpecialTokens& special) {
  Hasher hasher;
  hasher.add("unigram 1");
  for (const char* key : {"normalizer", "pre_tokenizer"}) {
    const auto place = root.find(key);
    hasher.add(place ? place->value().dump() : "");
  }
  for (const ScoredPiece& piece : model.pieces()) {
    hasher.add(piece.text).add(std::bit_cast<std::int64_t>(piece.score));
  }
  for (const std::int32_t id : {special.cls, special.sep, special.pad, special.unk}) {
    hasher.add(std::int64_t{id});
  }
  return hasher.digest64();
}

}  // namespace

std::unique_ptr<const Tokenizer> make_json_unigram_tokenizer(const JsonPlace& root,
                                                             const fs::path& model_dir) {
  check_root(root);
  UnigramOptions options{
      .normalizer = read_steps(root), .words = read_words(root), .special = {}, .hash = 0};
  std::vector<std::string> names;
  UnigramModel model = read_model(root, names);
  options.special = read_special(root, model_dir, model, names);
  options.hash = hash_of(root, model, options.special);
  return std::make_unique<const UnigramTokenizer>(std::move(model), std::move(names),
                                                  std::move(options));
}

void require_same_pieces(const Tokenizer& tokenizer, const fs::path& file,
                         const fs::path& model_dir) {
  const fs::path path = model_dir / "tokenizer.json";
  const std::optional<nlohmann::json> document = load_json_of_type(path, "Unigram");
  if (!document) return;
  const JsonPlace root(*document, path.string());
  const JsonPlace pieces = root.at("model").at("vocab");
  const auto known = static_cast<std::size_t>(tokenizer.vocab_size());
  for (std::size_t id = 0; id < std::min(known, pieces.size()); ++id) {
    const std::string& found = pieces.at(id).at(std::size_t{0}).as_string();
    const std::string expected = tokenizer.token(static_cast<std::int32_t>(id));
    if (found == expected) continue;
    throw Error(ErrorCode::kIncompatible,
                path.string() + ": expected the pieces of " + file.string() + ", found piece " +
                    std::to_string(id) + " " + nlohmann::json(found).dump() + " instead of " +
                    nlohmann::json(expected).dump());
  }
  require_no_added_tokens(root, known, file.filename().string());
}

bool json_unigram_lower_case(const JsonPlace& root) {
  const std::vector<Step> steps = read_steps(root);
  return std::any_of(steps.begin(), steps.end(),
                     [](const Step& step) { return step.kind == Step::Kind::kLowercase; });
}

}  // namespace deformer
