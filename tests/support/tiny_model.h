// A complete model directory with random weights, written in milliseconds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "deformer/model_config.h"

namespace deformer::test {

/// Sizes fit BERT's default position table: 12 + 2 question and 40 + 1 window tokens in either
/// layout, MPNet's too. XLNet has the tokenizer of tests/golden/xlnet_tokenizer, and no use for
/// `positions` and `extra_words`.
struct TinyModelOptions {
  std::string architecture = "bert";
  int layers = 3;
  std::int64_t hidden = 32;
  int heads = 4;
  std::int64_t intermediate = 64;
  std::int64_t positions = 64;
  int split_layer = 2;
  Layout layout = Layout::kRestart;  ///< kRestart stands for XLNet's kPacked too
  int max_question_tokens = 12;
  int window_tokens = 40;
  int window_step = 16;
  int max_answer_tokens = 8;
  Activation hidden_act = Activation::kGeluErf;
  bool ordinary = false;  ///< config.json without a `deformer` object; the split is ignored
  bool span_head = true;  ///< qa_outputs.weight and .bias
  /// parse_task(); another one than span: its own head in place of the one for spans
  std::string task = "span";
  std::vector<std::string> labels = {};  ///< of task "classes"
  std::optional<PassagePlace> passage_place = {};
  std::uint64_t seed = 1;     ///< of the weights
  float weight_scale = 0.3f;  ///< standard deviation: large, so that every layer matters
  std::vector<std::string> extra_words = {};  ///< added to the vocabulary, as they are
};

/// The configuration that write_tiny_model() saves.
[[nodiscard]] ModelConfig tiny_model_config(const TinyModelOptions& options = {});

/// Lower-cased words, every ASCII letter, digit and punctuation mark, and letters as continuations:
/// no English text contains an unknown token.
[[nodiscard]] std::vector<std::string> tiny_vocabulary(
    const std::vector<std::string>& extra_words = {}, const std::string& architecture = "bert");

/// Writes config.json, model.safetensors, vocab.txt or spiece.model, and tokenizer_config.json into
/// an existing directory. The same options give the same bytes on every machine.
void write_tiny_model(const std::filesystem::path& model_dir, const TinyModelOptions& options = {});

}  // namespace deformer::test
