#include "text/tokenizer_json_parts.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// Far beyond any vocabulary: a broken id must not ask for memory.
constexpr std::int64_t kMaxTokens = 1 << 24;

// Ids that no token has are few, if any: the last ones of a vocabulary that was padded.
std::int64_t most_ids(std::size_t tokens) {
  return std::min(kMaxTokens, 2 * static_cast<std::int64_t>(tokens) + 65'536);
}

std::size_t require_id(std::int64_t id, std::int64_t end, const std::string& where) {
  if (id >= 0 && id < end) return static_cast<std::size_t>(id);
  throw Error(ErrorCode::kCorrupt, where + ": expected an id below " + std::to_string(end) +
                                       ", found " + std::to_string(id));
}

std::size_t read_id(const JsonPlace& place, std::int64_t end) {
  return require_id(place.as_integer(), end, place.where());
}

void put_token(std::vector<std::string>& tokens, std::size_t id, const std::string& token,
               const std::string& where) {
  if (id >= tokens.size()) tokens.resize(id + 1);
  if (!tokens[id].empty() && tokens[id] != token) {
    throw Error(ErrorCode::kCorrupt, where + ": expected an id of its own, found that of " +
                                         nlohmann::json(tokens[id]).dump());
  }
  tokens[id] = token;
}

void require_plain_search(const JsonPlace& root, const JsonPlace& token) {
  for (const char* key : {"single_word", "lstrip", "rstrip"}) require_value(token, key, false);
  // A Unigram model's normalizer makes another text of a piece than of the whole text.
  const bool is_unigram = model_type(root.at("model")) == "Unigram";
  if (is_unigram && root.find("normalizer")) require_value(token, "normalized", false);
  if (token.at("content").as_string().empty()) refuse(token.at("content"), "a text");
}

void require_json(const JsonPlace& object, const char* key, const nlohmann::json& expected) {
  if (!object.has(key)) return;
  const JsonPlace place = object.at(key);
  if (place.value() != expected) refuse(place, expected.dump());
}

void require_equal(const std::filesystem::path& model_dir, const char* key,
                   const nlohmann::json& json, const nlohmann::json& stated) {
  if (json == stated) return;
  throw Error(ErrorCode::kIncompatible, (model_dir / "tokenizer_config.json").string() + ": " +
                                            key + ": expected " + json.dump() +
                                            " as in tokenizer.json, found " + stated.dump());
}

}  // namespace

std::string shown(const JsonPlace& place) {
  constexpr std::size_t kShown = 60;
  const auto replace = nlohmann::json::error_handler_t::replace;
  std::string text = place.value().dump(-1, ' ', false, replace);
  return text.size() <= kShown ? text : std::string(json_type_name(place.value()));
}

void refuse(const JsonPlace& place, const std::string& expected) {
  throw Error(ErrorCode::kUnsupported,
              place.where() + ": expected " + expected + ", found " + shown(place));
}

void require_known_keys(const JsonPlace& object, std::initializer_list<std::string_view> known) {
  object.require_object();
  for (const auto& [key, value] : object.value().items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw Error(ErrorCode::kUnsupported, object.where() +
                                             ": expected no key but those known here, found " +
                                             nlohmann::json(key).dump());
  }
}

void require_type(const JsonPlace& object, const char* expected) {
  const JsonPlace type = object.at("type");
  if (type.as_string() != expected) refuse(type, expected);
}

void require_value(const JsonPlace& object, const char* key, bool expected) {
  require_json(object, key, expected);
}

void require_value(const JsonPlace& object, const char* key, std::int64_t expected) {
  require_json(object, key, expected);
}

void require_value(const JsonPlace& object, const char* key, const char* expected) {
  require_json(object, key, expected);
}

void require_agreement(const std::filesystem::path& model_dir, const char* key, bool json,
                       bool stated) {
  require_equal(model_dir, key, json, stated);
}

void require_agreement(const std::filesystem::path& model_dir, const char* key,
                       const std::string& json, const std::string& stated) {
  require_equal(model_dir, key, json, stated);
}

std::vector<std::string> read_tokens(const JsonPlace& vocabulary) {
  vocabulary.require_object();
  std::vector<std::string> tokens;
  const std::int64_t end = most_ids(vocabulary.value().size());
  for (const auto& [token, number] : vocabulary.value().items()) {
    const JsonPlace place(number, vocabulary.where() + ": " + nlohmann::json(token).dump());
    put_token(tokens, read_id(place, end), token, place.where());
  }
  return tokens;
}

std::string model_type(const JsonPlace& model) {
  if (const auto type = model.find("type")) return type->as_string();
  if (model.has("merges")) return "BPE";
  return model.has("max_input_chars_per_word") ? "WordPiece" : "";
}

std::optional<nlohmann::json> load_json_of_type(const std::filesystem::path& tokenizer_json,
                                                std::string_view type) {
  if (is_absent(tokenizer_json)) return std::nullopt;
  nlohmann::json document = load_json(tokenizer_json);
  const auto model = JsonPlace(document, tokenizer_json.string()).find("model");
  const bool is_wanted = model && model->value().is_object() && model_type(*model) == type;
  return is_wanted ? std::optional(std::move(document)) : std::nullopt;
}

void check_root(const JsonPlace& root) {
  require_known_keys(root, {"version", "truncation", "padding", "added_tokens", "normalizer",
                            "pre_tokenizer", "post_processor", "decoder", "model"});
  require_value(root, "version", "1.0");
}

std::vector<AddedToken> read_added_tokens(const JsonPlace& root) {
  std::vector<AddedToken> tokens;
  const auto list = root.find("added_tokens");
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const JsonPlace token = list->at(i);
    require_known_keys(
        token, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    const bool special = token.at("special").as_bool();
    if (!special) require_plain_search(root, token);
    const JsonPlace id = token.at("id");
    const auto normalized = token.find("normalized");
    tokens.push_back({.content = token.at("content").as_string(),
                      .id = static_cast<std::int32_t>(read_id(id, kMaxTokens)),
                      .special = special,
                      .normalized = root.find("normalizer") && normalized && normalized->as_bool(),
                      .id_place = id.where()});
  }
  return tokens;
}

void require_id_of_vocabulary(const AddedToken& token, std::int64_t expected) {
  if (token.id == expected) return;
  throw Error(ErrorCode::kCorrupt, token.id_place + ": expected " + std::to_string(expected) +
                                       ", the id in the vocabulary, found " +
                                       std::to_string(token.id));
}

void append_added_tokens(const JsonPlace& root, std::vector<std::string>& tokens) {
  const std::vector<AddedToken> added = read_added_tokens(root);
  const std::int64_t end = most_ids(tokens.size() + added.size());
  std::unordered_map<std::string, std::size_t> ids;
  for (std::size_t id = 0; id < tokens.size(); ++id) ids.emplace(tokens[id], id);
  for (const AddedToken& token : added) {
    const auto known = ids.find(token.content);
    if (known != ids.end())
      require_id_of_vocabulary(token, static_cast<std::int64_t>(known->second));
    const std::size_t id = require_id(token.id, end, token.id_place);
    put_token(tokens, id, token.content, token.id_place);
    ids.emplace(token.content, id);
  }
}

void require_no_holes(const std::vector<std::string>& tokens, const std::string& where) {
  const auto hole = std::find(tokens.begin(), tokens.end(), "");
  if (hole == tokens.end()) return;
  throw Error(ErrorCode::kCorrupt, where + ": expected a token for every id below " +
                                       std::to_string(tokens.size()) + ", found none for " +
                                       std::to_string(hole - tokens.begin()));
}

}  // namespace deformer
