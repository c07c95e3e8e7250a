#include "text/added_tokens.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/quote.h"
#include "deformer/error.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

struct Added {
  std::int64_t id = 0;
  std::string content;
  std::string where;  // the list that names it
};

// Names that a tokenizer's class gives its special tokens where no file says otherwise.
constexpr std::array<const char*, 10> kSpecialNames = {
    "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "<s>", "</s>", "<pad>", "<unk>", "<mask>"};

[[noreturn]] void refuse(const std::string& where, std::string_view file,
                         const std::string& content) {
  throw Error(ErrorCode::kUnsupported, where + ": expected tokens of " + std::string(file) +
                                           ", found " + in_quotes(content) +
                                           "; tokenizer.json knows added ones, say which file "
                                           "counts (--tokenizer-file)");
}

bool is_true(const std::optional<JsonPlace>& place) {
  return place && place->as_bool();
}

std::int64_t read_id(const std::string& text, const JsonPlace& place) {
  std::int64_t id = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) return id;
  throw Error(ErrorCode::kCorrupt,
              place.where() + ": expected a token's id as key, found " + in_quotes(text));
}

void append_decoder(const JsonPlace& config, std::vector<Added>& tokens) {
  const auto list = config.find("added_tokens_decoder");
  if (!list) return;
  list->require_object();
  for (const auto& [id, value] : list->value().items()) {
    const JsonPlace token = list->at(id.c_str());
    if (is_true(token.find("special"))) continue;
    tokens.push_back({read_id(id, *list), token.at("content").as_string(), list->where()});
  }
}

// A token is a text, or an object with one.
void add_name(const JsonPlace& place, std::set<std::string>& names) {
  const nlohmann::json& value = place.value();
  if (value.is_string()) names.insert(value.get<std::string>());
  if (value.is_object() && value.contains("content")) {
    names.insert(place.at("content").as_string());
  }
}

// "cls_token" and its like, "additional_special_tokens".
void add_special_names(const JsonPlace& root, std::set<std::string>& names) {
  for (const auto& [key, value] : root.value().items()) {
    if (key.ends_with("_token")) add_name(root.at(key.c_str()), names);
    if (key != "additional_special_tokens" || !value.is_array()) continue;
    const JsonPlace list = root.at(key.c_str());
    for (std::size_t i = 0; i < list.size(); ++i) add_name(list.at(i), names);
  }
}

// Calls `read` with the root of a file where it is there.
template <typename Read>
void with_file(const fs::path& path, Read read) {
  if (is_absent(path)) return;
  const nlohmann::json document = load_json(path);
  const JsonPlace root(document, path.string());
  root.require_object();
  read(root);
}

std::vector<Added> load_added_tokens(const fs::path& model_dir) {
  std::vector<Added> tokens;
  std::set<std::string> special(kSpecialNames.begin(), kSpecialNames.end());
  with_file(model_dir / "special_tokens_map.json",
            [&](const JsonPlace& root) { add_special_names(root, special); });
  with_file(model_dir / "tokenizer_config.json", [&](const JsonPlace& root) {
    add_special_names(root, special);
    append_decoder(root, tokens);
  });
  with_file(model_dir / "added_tokens.json", [&](const JsonPlace& root) {
    for (const auto& [content, id] : root.value().items()) {
      if (special.contains(content)) continue;
      tokens.push_back({root.at(content.c_str()).as_integer(), content, root.where()});
    }
  });
  return tokens;
}

}  // namespace

void require_no_added_tokens(const Tokenizer& tokenizer, std::string_view file,
                             const fs::path& model_dir) {
  for (const Added& token : load_added_tokens(model_dir)) {
    const bool is_known = token.id >= 0 && token.id < tokenizer.vocab_size();
    if (is_known && tokenizer.token(static_cast<std::int32_t>(token.id)) == token.content) continue;
    refuse(token.where, file, token.content);
  }
}

void require_no_added_tokens(const JsonPlace& tokenizer_json, std::size_t size,
                             std::string_view file) {
  const auto list = tokenizer_json.find("added_tokens");
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const JsonPlace token = list->at(i);
    if (is_true(token.find("special"))) continue;
    const std::int64_t id = token.at("id").as_integer();
    if (id >= 0 && id < static_cast<std::int64_t>(size)) continue;
    refuse(list->where(), file, token.at("content").as_string());
  }
}

}  // namespace deformer
