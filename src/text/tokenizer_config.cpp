#include "text/tokenizer_config.h"

#include "base/file.h"
#include "base/json.h"
#include "deformer/error.h"

namespace deformer {
namespace {

constexpr const char* kFile = "tokenizer_config.json";

// An empty object where there is no file.
nlohmann::json load_document(const std::filesystem::path& path) {
  return is_absent(path) ? nlohmann::json::object() : load_json(path);
}

std::optional<bool> find_bool(const JsonPlace& config, const char* key) {
  const auto place = config.find(key);
  return place ? std::optional(place->as_bool()) : std::nullopt;
}

std::string token_or(const JsonPlace& config, const char* key, const std::string& default_token) {
  const auto place = config.find(key);
  if (!place) return default_token;
  return place->value().is_object() ? place->at("content").as_string() : place->as_string();
}

}  // namespace

std::string without_fast(std::string name) {
  constexpr std::string_view kFast = "Fast";
  if (name.ends_with(kFast)) name.resize(name.size() - kFast.size());
  return name;
}

bool names_a_kind(std::string_view tokenizer_class) {
  return !tokenizer_class.empty() && tokenizer_class != "PreTrainedTokenizer" &&
         tokenizer_class != "TokenizersBackend";
}

TokenizerConfig load_tokenizer_config(const std::filesystem::path& model_dir,
                                      const TokenizerConfig& defaults) {
  TokenizerConfig config = defaults;
  const std::filesystem::path path = model_dir / kFile;
  const nlohmann::json document = load_document(path);
  const JsonPlace root(document, path.string());
  root.require_object();
  config.do_lower_case = find_bool(root, "do_lower_case").value_or(config.do_lower_case);
  if (const auto strip = find_bool(root, "strip_accents")) config.strip_accents = strip;
  config.tokenize_chinese_chars =
      find_bool(root, "tokenize_chinese_chars").value_or(config.tokenize_chinese_chars);
  config.remove_space = find_bool(root, "remove_space").value_or(config.remove_space);
  config.keep_accents = find_bool(root, "keep_accents").value_or(config.keep_accents);
  config.split_by_punct = find_bool(root, "split_by_punct").value_or(config.split_by_punct);
  if (const auto add = find_bool(root, "add_prefix_space")) config.add_prefix_space = add;
  if (const auto name = root.find("tokenizer_class")) {
    config.tokenizer_class = without_fast(name->as_string());
  }
  config.cls_token = token_or(root, "cls_token", config.cls_token);
  config.sep_token = token_or(root, "sep_token", config.sep_token);
  config.pad_token = token_or(root, "pad_token", config.pad_token);
  config.unk_token = token_or(root, "unk_token", config.unk_token);
  return config;
}

}  // namespace deformer
