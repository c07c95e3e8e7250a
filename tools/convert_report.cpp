#include "tools/convert_report.h"

#include <map>
#include <nlohmann/json.hpp>

#include "base/number_text.h"
#include "tools/talk.h"

namespace deformer::tools {
namespace {

// "optimiser 404, pretraining head 5"
std::string reasons(const std::vector<SkippedTensor>& skipped) {
  std::map<std::string, std::size_t> counts;
  for (const SkippedTensor& tensor : skipped) ++counts[to_string(tensor.reason)];
  std::string text;
  for (const auto& [reason, count] : counts) {
    text += (text.empty() ? "" : ", ") + reason + " " + grouped(count);
  }
  return text;
}

std::string heads(const ConvertReport& report) {
  if (report.span_head) return report.class_head ? "span head and class head" : "span head";
  if (report.class_head) return "class head";
  return "no head: it has to be trained before it answers";
}

}  // namespace

std::vector<std::string> summary_lines(const ConvertReport& report, const std::string& to) {
  const ModelConfig& config = report.config;
  std::vector<std::string> lines;
  lines.push_back("read " + report.source + ", sizes from " + report.sizes_from);
  std::string counts = "mapped " + grouped(report.mapped.size()) + " tensors, skipped " +
                       grouped(report.skipped.size());
  if (!report.skipped.empty()) counts += " (" + reasons(report.skipped) + ")";
  if (!report.unused.empty()) counts += ", left out as unused " + grouped(report.unused.size());
  lines.push_back(std::move(counts));
  lines.push_back(
      "wrote " + to + ": " + config.architecture + ", " + std::to_string(config.num_hidden_layers) +
      " layers, " + std::to_string(config.num_attention_heads) + " heads, " +
      to_string(config.hidden_act) + ", split layer " + std::to_string(config.split.split_layer) +
      ", layout " + to_string(config.split.layout) + ", " + report.dtype);
  lines.push_back("vocabulary " + report.vocabulary.string() +
                  (report.lower_case ? ", lower-casing" : ", cased") + "; " + heads(report));
  return lines;
}

std::vector<std::string> tensor_lines(const ConvertReport& report) {
  std::vector<std::string> lines;
  for (const MappedTensor& tensor : report.mapped) {
    lines.push_back("mapped " + tensor.source + " -> " + tensor.name);
  }
  for (const SkippedTensor& tensor : report.skipped) {
    lines.push_back("skipped " + tensor.source + " (" + to_string(tensor.reason) + ")");
  }
  for (const std::string& tensor : report.unused) lines.push_back("unused " + tensor);
  return lines;
}

std::string to_json(const ConvertReport& report) {
  const ModelConfig& config = report.config;
  nlohmann::ordered_json object;
  object["source"] = report.source;
  object["sizes_from"] = report.sizes_from;
  object["vocabulary"] = report.vocabulary.string();
  object["lower_case"] = report.lower_case;
  object["dtype"] = report.dtype;
  object["config"] = {{"architecture", config.architecture},
                      {"vocab_size", config.vocab_size},
                      {"hidden_size", config.hidden_size},
                      {"num_hidden_layers", config.num_hidden_layers},
                      {"num_attention_heads", config.num_attention_heads},
                      {"intermediate_size", config.intermediate_size},
                      {"hidden_act", to_string(config.hidden_act)},
                      {"split_layer", config.split.split_layer},
                      {"layout", to_string(config.split.layout)}};
  object["span_head"] = report.span_head;
  object["class_head"] = report.class_head;
  for (const char* list : {"mapped", "skipped", "unused"}) {
    object[list] = nlohmann::ordered_json::array();
  }
  for (const MappedTensor& tensor : report.mapped) {
    object["mapped"].push_back({{"source", tensor.source}, {"name", tensor.name}});
  }
  for (const SkippedTensor& tensor : report.skipped) {
    object["skipped"].push_back({{"source", tensor.source}, {"reason", to_string(tensor.reason)}});
  }
  for (const std::string& tensor : report.unused) object["unused"].push_back(tensor);
  // A source may spell its names in any bytes.
  const auto replace = nlohmann::ordered_json::error_handler_t::replace;
  return object.dump(-1, ' ', false, replace) + "\n";
}

}  // namespace deformer::tools
