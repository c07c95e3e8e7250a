#include "deformer/tokenizer.h"

#include <array>
#include <cstddef>
#include <string>

#include "base/file.h"
#include "base/guard.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "text/added_tokens.h"
#include "text/bpe_tokenizer.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_json.h"
#include "text/word_extents.h"
#include "text/wordpiece.h"

namespace deformer {
namespace {

using LoadTokenizer = std::unique_ptr<const Tokenizer> (*)(const std::filesystem::path& model_dir,
                                                           OtherTokenizer other);

// For each of kVocabularyFiles.
constexpr auto kLoaders = std::to_array<LoadTokenizer>(
    {load_wordpiece_tokenizer, load_bpe_tokenizer, load_sentencepiece_tokenizer,
     load_sentencepiece_tokenizer, load_sentencepiece_tokenizer, load_json_tokenizer});
static_assert(kLoaders.size() == kVocabularyFiles.size());

std::string list_of_files() {
  std::string files;
  for (const char* name : kVocabularyFiles)
    files += (files.empty() ? "" : ", ") + std::string(name);
  return files;
}

std::unique_ptr<const Tokenizer> load_named(const std::filesystem::path& model_dir,
                                            std::string_view file) {
  for (std::size_t i = 0; i < kLoaders.size(); ++i) {
    if (kVocabularyFiles[i] != file) continue;
    if (!is_absent(model_dir / file)) return kLoaders[i](model_dir, OtherTokenizer::kIgnored);
    throw Error(ErrorCode::kNotFound,
                (model_dir / file).string() + ": expected a tokenizer, found no file");
  }
  throw Error(ErrorCode::kInvalidArgument,
              "tokenizer file: expected one of " + list_of_files() + ", found " + in_quotes(file));
}

std::unique_ptr<const Tokenizer> load_first(const std::filesystem::path& model_dir) {
  for (std::size_t i = 0; i < kLoaders.size(); ++i) {
    const char* const name = kVocabularyFiles[i];
    if (is_absent(model_dir / name)) continue;
    auto tokenizer = kLoaders[i](model_dir, OtherTokenizer::kMustAgree);
    if (kLoaders[i] != load_json_tokenizer) require_no_added_tokens(*tokenizer, name, model_dir);
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
