#include "deformer/tokenizer.h"

#include "base/file.h"
#include "base/guard.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "text/added_tokens.h"
#include "text/bpe_tokenizer.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer_json.h"
#include "text/word_extents.h"
#include "text/wordpiece.h"

namespace deformer {
namespace {

struct TokenizerFile {
  std::string_view file;
  std::unique_ptr<const Tokenizer> (*load)(const std::filesystem::path& model_dir,
                                           OtherTokenizer other);
};

// The first kind whose file the model directory holds is the model's tokenizer.
constexpr TokenizerFile kTokenizerFiles[] = {
    {"vocab.txt", load_wordpiece_tokenizer},
    {"vocab.json", load_bpe_tokenizer},
    {"spiece.model", load_sentencepiece_tokenizer},
    {"sentencepiece.bpe.model", load_sentencepiece_tokenizer},
    {"spm.model", load_sentencepiece_tokenizer},
    {"tokenizer.json", load_json_tokenizer},
};

std::string list_of_files() {
  std::string files;
  for (const TokenizerFile& kind : kTokenizerFiles)
    files += (files.empty() ? "" : ", ") + std::string(kind.file);
  return files;
}

std::unique_ptr<const Tokenizer> load_named(const std::filesystem::path& model_dir,
                                            std::string_view file) {
  for (const TokenizerFile& kind : kTokenizerFiles) {
    if (kind.file != file) continue;
    if (!is_absent(model_dir / file)) return kind.load(model_dir, OtherTokenizer::kIgnored);
    throw Error(ErrorCode::kNotFound,
                (model_dir / file).string() + ": expected a tokenizer, found no file");
  }
  throw Error(ErrorCode::kInvalidArgument,
              "tokenizer file: expected one of " + list_of_files() + ", found " + in_quotes(file));
}

std::unique_ptr<const Tokenizer> load_first(const std::filesystem::path& model_dir) {
  for (const TokenizerFile& kind : kTokenizerFiles) {
    if (is_absent(model_dir / kind.file)) continue;
    auto tokenizer = kind.load(model_dir, OtherTokenizer::kMustAgree);
    if (kind.load != load_json_tokenizer) require_no_added_tokens(*tokenizer, kind.file, model_dir);
    return tokenizer;
  }
  throw Error(ErrorCode::kNotFound,
              model_dir.string() + ": expected a tokenizer (" + list_of_files() + "), found none");
}

}  // namespace

std::vector<ByteSpan> Tokenizer::words(std::string_view text) const {
  return bert_words(text);
}

std::unique_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& model_dir,
                                                std::string_view file) {
  return guard_entry(model_dir.native(), [&] {
    return file.empty() ? load_first(model_dir) : load_named(model_dir, file);
  });
}

}  // namespace deformer
