#include "text/wordpiece.h"

#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "base/stand_in.h"
#include "deformer/error.h"
#include "text/text_size.h"
#include "text/tokenizer_json.h"

namespace deformer {
namespace {

constexpr std::size_t kMaxVocabularyBytes = std::size_t{64} << 20;

std::int32_t wordpiece_id(const WordPieceVocabulary& vocabulary, const std::string& token,
                          const std::string& where) {
  const auto id = vocabulary.find(token);
  if (!id) fail_special_token(token, where);
  return *id;
}

std::string read_vocabulary(const std::filesystem::path& path) {
  try {
    std::string bytes = read_file(path, kMaxVocabularyBytes);
    refuse_stand_in(bytes, path.string());
    return bytes;
  } catch (const Error& error) {
    // Here the size is not the caller's choice but the file's fault.
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    throw Error(ErrorCode::kCorrupt, error.what());
  }
}

}  // namespace

BertCleaning bert_cleaning(const TokenizerConfig& config) {
  return {.lower_case = config.do_lower_case,
          .strip_accents = config.strip_accents.value_or(config.do_lower_case),
          .split_ideographs = config.tokenize_chinese_chars};
}

WordPieceTokenizer::WordPieceTokenizer(std::string_view vocabulary, const TokenizerConfig& config,
                                       const std::string& where)
    : WordPieceTokenizer(WordPieceVocabulary(vocabulary, where), config, where) {}

WordPieceTokenizer::WordPieceTokenizer(WordPieceVocabulary vocabulary,
                                       const TokenizerConfig& config, const std::string& where)
    : vocabulary_(std::move(vocabulary)),
      cleaning_(bert_cleaning(config)),
      special_{.cls = wordpiece_id(vocabulary_, config.cls_token, where),
               .sep = wordpiece_id(vocabulary_, config.sep_token, where),
               .pad = wordpiece_id(vocabulary_, config.pad_token, where),
               .unk = wordpiece_id(vocabulary_, config.unk_token, where)},
      hash_(make_hash()) {}

std::uint64_t WordPieceTokenizer::make_hash() const {
  Hasher hasher;
  hasher.add("wordpiece 1");
  for (const bool option :
       {cleaning_.lower_case, cleaning_.strip_accents, cleaning_.split_ideographs}) {
    hasher.add(std::int64_t{option});
  }
  for (const std::int32_t id : {special_.cls, special_.sep, special_.pad, special_.unk}) {
    hasher.add(std::int64_t{id});
  }
  for (std::size_t i = 0; i < vocabulary_.size(); ++i) hasher.add(vocabulary_.token(i));
  return hasher.digest64();
}

TokenizedText WordPieceTokenizer::tokenize(std::string_view text) const {
  require_text_size(text);
  TokenizedText result;
  const std::size_t likely_tokens = text.size() / 4 + 8;
  result.ids.reserve(likely_tokens);
  result.spans.reserve(likely_tokens);
  BertWords words(text, cleaning_);
  while (words.next()) append_word(words, result);
  return result;
}

void WordPieceTokenizer::append_word(const BertWords& words, TokenizedText& result) const {
  const std::string_view word = words.word();
  const std::size_t first_token = result.ids.size();
  bool known = words.code_points() <= kMaxWordCodePoints;
  const PieceTable* table = &vocabulary_.initial();
  for (std::size_t at = 0; known && at < word.size();) {
    const PieceTable::Match match = table->longest_match(word.substr(at));
    known = match.size_bytes > 0;
    if (!known) break;
    result.ids.push_back(match.id);
    result.spans.push_back(words.span(at, at + match.size_bytes));
    at += match.size_bytes;
    table = &vocabulary_.continuing();
  }
  if (known) return;
  result.ids.resize(first_token);
  result.spans.resize(first_token);
  result.ids.push_back(special_.unk);
  result.spans.push_back(words.span(0, word.size()));
}

std::int64_t WordPieceTokenizer::vocab_size() const noexcept {
  return static_cast<std::int64_t>(vocabulary_.size());
}

std::string WordPieceTokenizer::token(std::int32_t id) const {
  if (id < 0 || id >= vocab_size()) {
    throw Error(ErrorCode::kInvalidArgument, "token id: expected 0 to " +
                                                 std::to_string(vocab_size() - 1) + ", found " +
                                                 std::to_string(id));
  }
  return vocabulary_.token(static_cast<std::size_t>(id));
}

std::unique_ptr<const Tokenizer> load_wordpiece_tokenizer(const std::filesystem::path& model_dir,
                                                          OtherTokenizer other) {
  const std::filesystem::path path = model_dir / "vocab.txt";
  const TokenizerConfig config = load_tokenizer_config(model_dir);
  WordPieceVocabulary vocabulary(read_vocabulary(path), path.string());
  if (other == OtherTokenizer::kMustAgree) {
    require_same_vocabulary(vocabulary, path, model_dir / "tokenizer.json");
  }
  return std::make_unique<WordPieceTokenizer>(std::move(vocabulary), config, path.string());
}

}  // namespace deformer
