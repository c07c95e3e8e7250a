// The verbs of the tool. Each function adds one to the command line.
#pragma once

#include <CLI/App.hpp>
#include <functional>

namespace deformer::tools {

struct Verb {
  CLI::App* app = nullptr;
  std::function<int()> run;  ///< gives the exit status
};

/// Questions in, spans of passages out.
[[nodiscard]] Verb add_answer(CLI::App& app);
/// What answering costs, full against decomposed.
[[nodiscard]] Verb add_bench(CLI::App& app);
/// Classes of pairs of texts, choices of questions.
[[nodiscard]] Verb add_classify(CLI::App& app);
/// A model directory out of Hugging Face's files and TensorFlow's checkpoints.
[[nodiscard]] Verb add_convert(CLI::App& app);
/// Passages through the lower layers, once, into a store.
[[nodiscard]] Verb add_encode(CLI::App& app);
/// Scores of predictions, or of a model that answers first.
[[nodiscard]] Verb add_evaluate(CLI::App& app);
/// What a model directory or a passage store holds.
[[nodiscard]] Verb add_inspect(CLI::App& app);
/// Answers over HTTP. Only in builds with DEFORMER_SERVE.
[[nodiscard]] Verb add_serve(CLI::App& app);
/// Passage stores: merge, export, rm.
[[nodiscard]] Verb add_store(CLI::App& app);
/// Every intermediate state of one question on one passage, as a safetensors file.
[[nodiscard]] Verb add_trace(CLI::App& app);
/// Fine-tunes a model for its task and split, with or without a teacher. The exit status is 0, or
/// 128 + the number of the signal that stopped the run.
[[nodiscard]] Verb add_train(CLI::App& app);

}  // namespace deformer::tools
