#include "text/bpe_tokenizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/hash.h"
#include "deformer/error.h"
#include "text/gpt2_words.h"
#include "text/text_size.h"
#include "text/tokenizer_json_bpe.h"
#include "text/vocabulary.h"

namespace deformer {
namespace {

constexpr std::array<std::string_view, 8> kClasses = {
    "RobertaTokenizer", "LongformerTokenizer", "BartTokenizer", "LEDTokenizer",
    "DebertaTokenizer", "GPT2Tokenizer",       "MvpTokenizer",  "BlenderbotTokenizer"};
void require_class(const TokenizerConfig& config, const std::filesystem::path& model_dir) {
  const std::string& name = config.tokenizer_class;
  if (!names_a_kind(name)) return;
  if (std::find(kClasses.begin(), kClasses.end(), name) != kClasses.end()) return;
  throw Error(ErrorCode::kUnsupported,
              (model_dir / "tokenizer_config.json").string() +
                  ": tokenizer_class: expected one with the files vocab.json and merges.txt, as "
                  "RobertaTokenizer, found \"" +
                  name + "\"");
}

}  // namespace

BpeTokenizer::BpeTokenizer(BpeTables tables, const TokenizerConfig& config,
                           const std::string& where, Normalizer normalizer)
    : tokens_(std::move(tables.tokens)),
      special_{.cls = special_id(tokens_, config.cls_token, where),
               .sep = special_id(tokens_, config.sep_token, where),
               .pad = special_id(tokens_, config.pad_token, where),
               .unk = special_id(tokens_, config.unk_token, where)},
      model_(tokens_, tables.merges, special_.unk),
      reading_{.add_prefix_space = config.add_prefix_space.value_or(false),
               .nfc = normalizer == Normalizer::kNfc},
      hash_(make_hash(tables.merges)) {}

std::uint64_t BpeTokenizer::make_hash(const std::vector<BpeMerge>& merges) const {
  Hasher hasher;
  hasher.add("byte-level bpe 1");
  hasher.add(std::int64_t{reading_.add_prefix_space}).add(std::int64_t{reading_.nfc});
  for (const std::int32_t id : {special_.cls, special_.sep, special_.pad, special_.unk}) {
    hasher.add(std::int64_t{id});
  }
  for (const std::string& token : tokens_) hasher.add(token);
  for (const BpeMerge& merge : merges) {
    hasher.add(std::int64_t{merge.left}).add(std::int64_t{merge.right});
  }
  return hasher.digest64();
}

TokenizedText BpeTokenizer::tokenize(std::string_view text) const {
  require_text_size(text);
  const BpeText source(text, reading_);
  const std::string_view read = source.text();
  TokenizedText result;
  const std::size_t likely_tokens = text.size() / 4 + 8;
  result.ids.reserve(likely_tokens);
  result.spans.reserve(likely_tokens);
  std::vector<BpeModel::Part> parts;
  for (std::size_t at = 0; at < read.size();) {
    const std::size_t end = gpt2_word_end(read, at);
    parts.clear();
    model_.append_parts(read.substr(at, end - at), parts);
    for (const BpeModel::Part& part : parts) {
      result.ids.push_back(part.id);
      result.spans.push_back(source.span(at, at + part.size_bytes));
      at += part.size_bytes;
    }
  }
  return result;
}

std::vector<ByteSpan> BpeTokenizer::words(std::string_view text) const {
  const BpeText source(text, reading_);
  const std::string_view read = source.text();
  std::vector<ByteSpan> words;
  for (std::size_t at = 0; at < read.size();) {
    const std::size_t end = gpt2_word_end(read, at);
    const bool spaces = read.substr(at, end - at).find_first_not_of(' ') == std::string_view::npos;
    if (!spaces) words.push_back(source.span(at, end));
    at = end;
  }
  return words;
}

std::int64_t BpeTokenizer::vocab_size() const noexcept {
  return static_cast<std::int64_t>(tokens_.size());
}

std::string BpeTokenizer::token(std::int32_t id) const {
  if (id < 0 || id >= vocab_size()) {
    throw Error(ErrorCode::kInvalidArgument, "token id: expected 0 to " +
                                                 std::to_string(vocab_size() - 1) + ", found " +
                                                 std::to_string(id));
  }
  return tokens_[static_cast<std::size_t>(id)];
}

TokenizerConfig bpe_tokenizer_defaults(const std::vector<std::string>& tokens) {
  TokenizerConfig config;
  config.do_lower_case = false;
  const auto has = [&](const char* token) {
    return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
  };
  if (!has("<s>") && has(config.cls_token.c_str())) return config;
  config.cls_token = "<s>";
  config.sep_token = "</s>";
  config.pad_token = "<pad>";
  config.unk_token = "<unk>";
  return config;
}

std::unique_ptr<const Tokenizer> load_bpe_tokenizer(const std::filesystem::path& model_dir,
                                                    OtherTokenizer other) {
  BpeTables tables = load_bpe_tables(model_dir);
  const TokenizerConfig config =
      load_tokenizer_config(model_dir, bpe_tokenizer_defaults(tables.tokens));
  require_class(config, model_dir);
  if (other == OtherTokenizer::kMustAgree) require_same_tables(tables, model_dir);
  return std::make_unique<BpeTokenizer>(std::move(tables), config,
                                        (model_dir / "vocab.json").string());
}

}  // namespace deformer
