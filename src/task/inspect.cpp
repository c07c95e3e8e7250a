#include "deformer/inspect.h"

#include <map>
#include <memory>

#include "architecture/architecture.h"
#include "architecture/checkpoint.h"
#include "architecture/segment_layout.h"
#include "base/guard.h"
#include "deformer/encoder.h"
#include "deformer/error.h"
#include "nn/guard.h"
#include "nn/packed_weight.h"
#include "nn/product_choice.h"

namespace deformer {
namespace {

double layer_flops(const ModelConfig& config, int rows) {
  const auto width = static_cast<double>(config.hidden_size);
  const auto inner = static_cast<double>(config.intermediate_size);
  const double length = rows;
  const double products = architecture_of(config).attention_products;
  return (8 * width * width + 4 * width * inner) * length + 2 * products * width * length * length;
}

void require_length(const char* name, int tokens) {
  if (tokens >= 1) return;
  throw Error(ErrorCode::kInvalidArgument,
              std::string(name) + ": expected at least 1, found " + std::to_string(tokens));
}

}  // namespace

FlopsEstimate estimate_flops(const ModelConfig& config, const FlopsSizes& sizes) {
  require_length("question_tokens", sizes.question_tokens);
  require_length("passage_tokens", sizes.passage_tokens);
  const auto layout = make_segment_layout(config, SpecialTokens{});
  FlopsEstimate estimate;
  estimate.question_rows =
      sizes.question_tokens + static_cast<int>(layout->question({}).ids.size());
  estimate.passage_rows = sizes.passage_tokens + static_cast<int>(layout->passage_special_tokens());
  const auto lower = static_cast<double>(config.split.split_layer);
  const double upper = static_cast<double>(config.num_hidden_layers) - lower;
  const double joint_layer = layer_flops(config, estimate.question_rows + estimate.passage_rows);
  estimate.full = (lower + upper) * joint_layer;
  estimate.decomposed = lower * layer_flops(config, estimate.question_rows) + upper * joint_layer;
  estimate.encode_passage = lower * layer_flops(config, estimate.passage_rows);
  return estimate;
}

ArchitectureFacts describe_architecture(const ModelConfig& config) {
  const std::int64_t width = config.embedding_width();
  ArchitectureFacts facts;
  facts.embeddings = std::to_string(width) + " wide";
  if (width != config.hidden_size) {
    facts.embeddings += ", then a dense layer to " + std::to_string(config.hidden_size);
  }
  facts.layers = std::to_string(config.num_hidden_layers) +
                 (architecture_of(config).shares_layers ? ", all with the same weights"
                                                        : ", each with weights of its own");
  facts.positions = describe_positions(config);
  return facts;
}

std::vector<WeightFormat> inspect_weights(const std::filesystem::path& model_dir) {
  return guard_entry(model_dir.native(), [&] {
    const Checkpoint checkpoint = Checkpoint::open_as_stored(model_dir);
    std::map<std::string, WeightFormat> by_dtype;
    for (const auto& [name, tensor] : checkpoint.tensors()) {
      WeightFormat& format = by_dtype[to_string(tensor.view.dtype)];
      ++format.tensors;
      format.values += element_count(tensor.view.shape).value_or(0);
      format.bytes += tensor.view.bytes.size();
    }
    std::vector<WeightFormat> formats;
    for (auto& [dtype, format] : by_dtype) {
      format.dtype = dtype;
      formats.push_back(format);
    }
    return formats;
  });
}

std::string describe_products(const Runtime& runtime) {
  return nn::guarded([&] {
    using nn::ProductKind;
    const ProductKind many = nn::product_kind(runtime, nn::kAnyRows);
    const bool cpu = runtime.device == Device::kCpu;
    if (!cpu || runtime.precision == Precision::kInt8 || many != ProductKind::kPlain) {
      return to_string(many);
    }
    if (!nn::has_packed_product()) return std::string("plain (LibTorch's packed product fails)");
    const std::int64_t rows = nn::most_packed_rows();
    if (rows == 0) return to_string(ProductKind::kPlain);
    return "packed up to " + std::to_string(rows) + " rows" +
           (nn::packed_rows_are_measured() ? " (measured)" : "") + ", plain above";
  });
}

}  // namespace deformer
