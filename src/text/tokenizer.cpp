#include "deformer/tokenizer.h"

#include "base/quote.h"
#include "deformer/error.h"
#include "text/bpe_tokenizer.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer_json.h"
#include "text/word_extents.h"
#include "text/wordpiece.h"

namespace deformer {
namespace {

struct Kind {
  std::string_view file;
  std::unique_ptr<const Tokenizer> (*load)(const std::filesystem::path& model_dir,
                                           OtherTokenizer other);
};

// The first kind whose file the model directory holds is the model's tokenizer.
constexpr Kind kKinds[] = {
    {"vocab.txt", load_wordpiece_tokenizer},
    {"vocab.json", load_bpe_tokenizer},
    {"spiece.model", load_sentencepiece_tokenizer},
    {"sentencepiece.bpe.model", load_sentencepiece_tokenizer},
    {"spm.model", load_sentencepiece_tokenizer},
    {"tokenizer.json", load_json_tokenizer},
};

std::string list_of_files() {
  std::string files;
  for (const Kind& kind : kKinds) files += (files.empty() ? "" : ", ") + std::string(kind.file);
  return files;
}

}  // namespace

std::vector<ByteSpan> Tokenizer::words(std::string_view text) const {
  return bert_words(text);
}

std::unique_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& model_dir,
                                                std::string_view file) {
  for (const Kind& kind : kKinds) {
    if (!file.empty() && kind.file != file) continue;
    std::error_code ignored;  // an unreadable file is the loader's to report
    const auto status = std::filesystem::status(model_dir / kind.file, ignored);
    if (status.type() != std::filesystem::file_type::not_found) {
      return kind.load(model_dir,
                       file.empty() ? OtherTokenizer::kMustAgree : OtherTokenizer::kIgnored);
    }
    if (!file.empty()) {
      throw Error(ErrorCode::kNotFound,
                  (model_dir / kind.file).string() + ": expected a tokenizer, found no file");
    }
  }
  if (!file.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "tokenizer file: expected one of " + list_of_files() +
                                                 ", found " + in_quotes(file));
  }
  throw Error(ErrorCode::kNotFound,
              model_dir.string() + ": expected a tokenizer (" + list_of_files() + "), found none");
}

}  // namespace deformer
