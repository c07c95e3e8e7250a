// What the readers of tokenizer.json share: values that must be as expected, and the tokens by id.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deformer {

class JsonPlace;

/// The value for a message, or its type where it is long.
[[nodiscard]] std::string shown(const JsonPlace& place);

/// Throws kUnsupported: place, expected, found.
[[noreturn]] void refuse(const JsonPlace& place, const std::string& expected);

/// What is not known could change ids: throws kUnsupported for any other key.
void require_known_keys(const JsonPlace& object, std::initializer_list<std::string_view> known);

void require_type(const JsonPlace& object, const char* expected);

/// The value must be this one; absent is as good.
void require_value(const JsonPlace& object, const char* key, bool expected);
void require_value(const JsonPlace& object, const char* key, std::int64_t expected);
void require_value(const JsonPlace& object, const char* key, const char* expected);

/// The tokens of an object {"token": id} by id. A missing id has an empty token. Throws kCorrupt
/// for two tokens of one id and for ids out of range.
[[nodiscard]] std::vector<std::string> read_tokens(const JsonPlace& vocabulary);

/// "WordPiece", "BPE", "Unigram", ...; files of before 2021 do not say it, and these models are
/// known by their keys. Empty: not known.
[[nodiscard]] std::string model_type(const JsonPlace& model);

/// The file `tokenizer_json` where it is there and its model is of this type. Throws as
/// load_json().
[[nodiscard]] std::optional<nlohmann::json> load_json_of_type(
    const std::filesystem::path& tokenizer_json, std::string_view type);

/// The root's keys and version are known ones.
void check_root(const JsonPlace& root);

/// An entry of added_tokens.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  /// Plain text where a text has it (Tokenizer::tokenize()); a text is searched for the others.
  bool special = false;
  bool normalized = false;  ///< it is searched for behind the normalizer
  std::string id_place;     ///< for messages
};

/// All entries of added_tokens. Throws kCorrupt for an id out of range, kUnsupported for one that a
/// text is searched for as a whole word or with the white space around it, and, of a Unigram model,
/// behind the normalizer.
[[nodiscard]] std::vector<AddedToken> read_added_tokens(const JsonPlace& root);

/// Throws kCorrupt unless the token's id is `expected`, that of the vocabulary.
void require_id_of_vocabulary(const AddedToken& token, std::int64_t expected);

/// Adds the added tokens to `tokens`, at their ids. Throws kCorrupt where the id is another token's
/// or the token has another id.
void append_added_tokens(const JsonPlace& root, std::vector<std::string>& tokens);

/// Throws kCorrupt naming `where` when an id below the highest one has no token.
void require_no_holes(const std::vector<std::string>& tokens, const std::string& where);

/// Throws kIncompatible naming tokenizer_config.json and `key` unless both files say the same.
void require_agreement(const std::filesystem::path& model_dir, const char* key, bool json,
                       bool stated);
void require_agreement(const std::filesystem::path& model_dir, const char* key,
                       const std::string& json, const std::string& stated);

}  // namespace deformer
