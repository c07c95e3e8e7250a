#include "tools/model_report.h"

#include "base/number_text.h"
#include "base/quote.h"
#include "base/table_text.h"
#include "tools/json_line.h"

namespace deformer::tools {
namespace {

std::string number(std::int64_t value) {
  return grouped(static_cast<std::size_t>(value));
}

std::string gflops(double flops) {
  return fixed(flops / 1e9, flops < 1e9 ? 3 : 1) + " GFLOPs";
}

std::string mebibytes(std::uint64_t bytes) {
  return fixed(static_cast<double>(bytes) / (1 << 20), 1) + " MiB";
}

std::string weights_text(const std::vector<WeightFormat>& weights) {
  std::string text;
  for (const WeightFormat& format : weights) {
    if (!text.empty()) text += "; ";
    text += grouped(format.tensors) + " tensors " + format.dtype + ", " + number(format.values) +
            " values, " + mebibytes(format.bytes);
  }
  return text;
}

std::string positions_text(std::int64_t positions) {
  return positions > 0 ? number(positions) + " positions" : "positions relative, without limit";
}

std::string task_text(const ModelConfig& config) {
  std::string text = to_string(config.task);
  for (const std::string& label : config.labels) {
    text += (label == config.labels.front() ? ": " : ", ") + label;
  }
  return text + "; the passage stands " + to_string(passage_place(config));
}

std::string flops_text(const FlopsEstimate& flops) {
  const std::string lengths = std::to_string(flops.question_rows) + " + " +
                              std::to_string(flops.passage_rows) + " tokens with special ones";
  return report_line("per question", lengths) + report_line("  full", gflops(flops.full)) +
         report_line("  decomposed", gflops(flops.decomposed) + ", " +
                                         fixed(flops.full / flops.decomposed, 2) + "x fewer") +
         report_line("  encode once", gflops(flops.encode_passage) + " per passage window");
}

Json config_json(const ModelConfig& config) {
  return {{"architecture", config.architecture},
          {"vocab_size", config.vocab_size},
          {"hidden_size", config.hidden_size},
          {"embedding_size", config.embedding_width()},
          {"num_hidden_layers", config.num_hidden_layers},
          {"num_attention_heads", config.num_attention_heads},
          {"intermediate_size", config.intermediate_size},
          {"max_position_embeddings", config.max_position_embeddings},
          {"type_vocab_size", config.type_vocab_size},
          {"hidden_act", to_string(config.hidden_act)},
          {"layer_norm_eps", config.layer_norm_eps},
          {"task", to_string(config.task)},
          {"labels", config.labels},
          {"passage_place", to_string(passage_place(config))},
          {"split_layer", config.split.split_layer},
          {"layout", to_string(config.split.layout)},
          {"max_question_tokens", config.split.max_question_tokens},
          {"window_tokens", config.split.window_tokens},
          {"window_step", config.split.window_step},
          {"max_answer_tokens", config.split.max_answer_tokens}};
}

}  // namespace

std::string to_text(const ModelReport& report) {
  const ModelConfig& config = report.model.config();
  const SplitConfig& split = config.split;
  std::string text = report_line(
      "architecture", config.architecture + ", " + number(config.num_hidden_layers) +
                          " layers, hidden " + number(config.hidden_size) + ", " +
                          number(config.num_attention_heads) + " heads, inner " +
                          number(config.intermediate_size) + ", " + to_string(config.hidden_act));
  const ArchitectureFacts facts = describe_architecture(config);
  text += report_line("  embeddings", facts.embeddings) + report_line("  layers", facts.layers) +
          report_line("  positions", facts.positions);
  text += report_line("task", one_line(task_text(config)));
  text += report_line("split",
                      "layer " + std::to_string(split.split_layer) + " of " +
                          number(config.num_hidden_layers) + ", layout " + to_string(split.layout) +
                          (split.split_layer == 0 ? " (joint: nothing is precomputed)" : ""));
  text += report_line("lengths", "question " + std::to_string(split.max_question_tokens) +
                                     ", window " + std::to_string(split.window_tokens) + " every " +
                                     std::to_string(split.window_step) + ", answer " +
                                     std::to_string(split.max_answer_tokens) + " tokens; " +
                                     positions_text(config.max_position_embeddings));
  text += report_line("tokenizer", number(report.model.tokenizer().vocab_size()) +
                                       " tokens; embeddings " + number(config.vocab_size));
  text += report_line("parameters", number(report.model.num_parameters()));
  text += report_line("weights", weights_text(report.weights));
  text += report_line("products", describe_products(report.model.runtime()));
  text += flops_text(report.flops);
  return text + report_line("fingerprint", to_string(report.model.fingerprint()));
}

std::string to_json(const ModelReport& report) {
  Json object;
  object["config"] = config_json(report.model.config());
  const ArchitectureFacts facts = describe_architecture(report.model.config());
  object["facts"] = {
      {"embeddings", facts.embeddings}, {"layers", facts.layers}, {"positions", facts.positions}};
  object["parameters"] = report.model.num_parameters();
  object["tokenizer"] = {{"vocab_size", report.model.tokenizer().vocab_size()}};
  object["weights"] = Json::array();
  for (const WeightFormat& format : report.weights) {
    object["weights"].push_back({{"dtype", format.dtype},
                                 {"tensors", format.tensors},
                                 {"values", format.values},
                                 {"bytes", format.bytes}});
  }
  object["products"] = describe_products(report.model.runtime());
  object["flops"] = {{"question_rows", report.flops.question_rows},
                     {"passage_rows", report.flops.passage_rows},
                     {"full", report.flops.full},
                     {"decomposed", report.flops.decomposed},
                     {"encode_passage", report.flops.encode_passage}};
  object["fingerprint"] = to_string(report.model.fingerprint());
  return json_line(object);
}

}  // namespace deformer::tools
