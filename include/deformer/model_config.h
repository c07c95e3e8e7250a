// A model's configuration, as config.json states it: the architecture's sizes and how the model is
// split (docs/model_format.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/export.h"
#include "deformer/types.h"

namespace deformer {

/// Where the two segments of a joint sequence, question and passage, stand relative to each other.
/// Each architecture has its own layouts.
enum class Layout {
  kRestart,   ///< all but XLNet: both count from the first position, as the original DeFormer does;
              ///< any split_layer
              ///< (DeBERTa counts rows: in either layout true distances, any split_layer)
  kContinue,  ///< an ordinary checkpoint. All but XLNet: the second segment continues after the
              ///< first; split_layer 0 only. XLNet: as kPacked, but <cls> is a segment of its own
  kPacked,    ///< XLNet: the second segment follows the first's last token
  kSlots,     ///< XLNet: the second segment begins where the longest first one would end
              ///< (window_tokens + 1 where the passage is first), however short the first is, as in
              ///< the original's padded rows
};

/// Which of the two segments of a joint sequence the passage is.
///   BERT   `[CLS] first [SEP]` with token type 0, `second [SEP]` with token type 1; so have
///          DistilBERT, ELECTRA, ALBERT and DeBERTa
///   MPNet  `<s> first </s>`, `second </s>`; layout `continue` has one `</s>` more after the first;
///          so have RoBERTa, XLM-R and CamemBERT
///   XLNet  `first <sep>`, `second <sep> <cls>`
/// The question is the other one.
enum class PassagePlace : std::uint8_t { kFirst, kSecond };

[[nodiscard]] DEFORMER_EXPORT std::string to_string(Layout layout);
/// "first", "second".
[[nodiscard]] DEFORMER_EXPORT std::string to_string(PassagePlace place);
/// Parses "restart", "continue", "packed", "slots". Throws kInvalidArgument naming the accepted
/// values.
[[nodiscard]] DEFORMER_EXPORT Layout parse_layout(const std::string& name);

/// The `deformer` object of config.json, its task aside. Lengths are in tokens. Defaults are those
/// of the original SQuAD set-up (StonyBrookNLP/deformer, tasks/__init__.py: 320 tokens = 25 + 2
/// question and 292 + 1 passage); other kinds of answer and known data sets have others (Task).
struct SplitConfig {
  int split_layer =
      0;  ///< layers [0, split_layer) are lower, the rest upper; 0 = ordinary joint model
  Layout layout = Layout::kRestart;
  int max_question_tokens = 25;  ///< longer questions are cut; special tokens not counted
  int window_tokens = 292;     ///< passage tokens of one window; special tokens not counted. Kinds
                               ///< but kSpan read the first window alone
  int window_step = 128;       ///< kSpan: distance between the starts of two windows. Other kinds
                               ///< never take a step; a file's is left aside
  int max_answer_tokens = 30;  ///< kSpan: longest answer span
  std::optional<PassagePlace> passage_place = {};  ///< absent: passage_place()'s own choice
};

/// DeBERTa's positions: what a score knows of the distance of two tokens is a row of a table.
struct DistanceConfig {
  std::int64_t longest = 0;  ///< every distance from here on has the last row of its side; 0: the
                             ///< architecture has no such table
  std::int64_t buckets = 0;  ///< of each side: near distances have a row each, far ones share ever
                             ///< wider ones; 0: every distance has a row
  bool shares_projections = true;     ///< the table goes through the projections of the contents
  bool normalised = true;             ///< the table's rows are normalised first
  std::int64_t convolution_rows = 0;  ///< DeBERTa v2: what a convolution beside the first layer
                                      ///< spans, an odd number; 0: none

  [[nodiscard]] std::int64_t table_rows() const noexcept {
    return 2 * (buckets > 0 ? buckets : longest);
  }
};

/// Sizes of the encoder. Field names follow Hugging Face's BertConfig; XLNet's file spells some
/// otherwise (docs/model_format.md).
struct ModelConfig {
  std::string architecture = "bert";  ///< config.json's model_type: known_architectures()
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t embedding_size = 0;  ///< width of the embeddings; 0: hidden_size (ELECTRA, ALBERT)
  std::int64_t num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t max_position_embeddings = 0;  ///< 0: positions are relative, without limit
  std::int64_t type_vocab_size = 2;  ///< rows of the table of token types; read where there is one:
                                     ///< BERT, RoBERTa, XLM-R, CamemBERT, ELECTRA, ALBERT
  DistanceConfig distances = {};     ///< DeBERTa only
  Activation hidden_act = Activation::kGeluErf;
  double layer_norm_eps = 1e-12;
  double initializer_range =
      0.02;  ///< standard deviation of new weights; used by training and random models
  SplitConfig split;
  TaskKind task = TaskKind::kSpan;
  /// Of kClasses: names of the classes in the order of the head's outputs (config.json's id2label),
  /// at least two, each once; any names. Empty for the other kinds.
  std::vector<std::string> labels = {};

  /// 0 where the number of heads is not set.
  [[nodiscard]] std::int64_t head_size() const noexcept {
    return num_attention_heads > 0 ? hidden_size / num_attention_heads : 0;
  }
  [[nodiscard]] std::int64_t embedding_width() const noexcept {
    return embedding_size > 0 ? embedding_size : hidden_size;
  }
};

/// The values of ModelConfig::architecture: "bert", "xlnet", "mpnet", "roberta", "xlm-roberta",
/// "camembert", "distilbert", "albert", "deberta-v2", "electra".
[[nodiscard]] DEFORMER_EXPORT std::vector<std::string> known_architectures();

/// split.passage_place; where that is absent, as the architecture's models are made: XLNet first,
/// the others second.
[[nodiscard]] DEFORMER_EXPORT PassagePlace passage_place(const ModelConfig& config);

/// Reads MODEL_DIR/config.json. A file without a `deformer` object is an ordinary checkpoint:
/// split_layer 0, layout `continue`, max_question_tokens at least 64 (Hugging Face's pipeline
/// default). `task` fills in what the file does not say: the kind of answer, lengths, the place of
/// the passage, and labels where the file has none but LABEL_0, LABEL_1, ...; labels that the file
/// has must be the task's in any order, where it has some. Without either, a class
/// ...ForMultipleChoice means kChoice, ...ForSequenceClassification with at least two labels
/// kClasses, any other one kSpan. Throws kNotFound, kCorrupt (broken JSON: line and column; missing
/// key; wrong type), kUnsupported (another architecture, activation or task; classes that answer
/// with a number or with several labels at once), kIncompatible (sizes that contradict each other,
/// another task or other labels than the file's).
[[nodiscard]] DEFORMER_EXPORT ModelConfig load_model_config(const std::filesystem::path& model_dir,
                                                            const std::optional<Task>& task = {});

/// Names of models that others published, whose sizes are known: for measuring with random weights
/// (Model::random). "bert-base", "xlnet-base", "mpnet-base", "roberta-base", ... , by architecture.
[[nodiscard]] DEFORMER_EXPORT std::vector<std::string> published_model_names();

/// The configuration of a published model: BERT uncased (Devlin et al., 2019), MiniLM-L6-H384 (Wang
/// et al., 2020), XLNet cased (Yang et al., 2019), MPNet (Song et al., 2020), RoBERTa (Liu et al.,
/// 2019), XLM-R (Conneau et al., 2020), CamemBERT (Martin et al., 2020), DistilBERT (Sanh et al.,
/// 2019), ALBERT v2 (Lan et al., 2020), DeBERTa v3 (He et al., 2021), ELECTRA's discriminator
/// (Clark et al., 2020). The split is the paper's (Cao et al., ACL 2020:
/// BERT-base 9, XLNet-base 8; BERT-large 20, which is what its 47.7 GFLOPs of table 3 come to);
/// models of BERT's layers and size take BERT's; any other model is split at two thirds of its
/// layers. Layout and lengths are the published ones of SQuAD (SplitConfig). Throws
/// kInvalidArgument naming the known models.
[[nodiscard]] DEFORMER_EXPORT ModelConfig published_model_config(std::string_view name);

/// Throws kIncompatible with one line that names the first contradiction: split_layer outside [0,
/// layers - 1], a layout of another architecture, layout `continue` with split_layer > 0 (but for
/// XLNet and DeBERTa), windows or questions longer than the position table, sizes below 1 or beyond
/// any model's (docs/model_format.md), a passage of span questions in another place than the
/// architecture's, labels that are not at least two different ones of UTF-8.
DEFORMER_EXPORT void validate(const ModelConfig& config);

}  // namespace deformer
