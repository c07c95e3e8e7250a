#include "bench/products.h"

#include <utility>

#include "architecture/architecture.h"

namespace deformer {
namespace {

// Adds to a PassProducts what layers compute.
class ProductCounter {
 public:
  explicit ProductCounter(const ModelConfig& config)
      : config_(config), attention_products_(architecture_of(config).attention_products) {}

  // Lower layers over segments of these lengths.
  void add_lower(std::span<const std::int64_t> lengths) {
    const double layers = config_.split.split_layer;
    std::int64_t rows = 0;
    for (const std::int64_t length : lengths) {
      rows += length;
      add_attention(length, length, layers);
    }
    add_projection(rows, layers);
    add_rest(rows, layers);
  }

  // Upper layers over each window with its question; `projected`: the windows' rows are projected
  // already.
  void add_upper(std::span<const QuestionRows> questions, bool projected) {
    const double layers =
        static_cast<double>(config_.num_hidden_layers) - config_.split.split_layer;
    std::int64_t segments = 0;
    std::int64_t joint = 0;
    std::int64_t read = 0;  // by the head
    for (const QuestionRows& each : questions) {
      segments += each.question;
      for (const std::int64_t window : each.windows) {
        const std::int64_t pair = each.question + window;
        if (!projected) segments += window;
        joint += pair;
        read += window + 1;
        add_attention(pair, pair, layers - 1);
        add_attention(window + 1, pair, 1);
      }
    }
    add_projection(segments, 1);
    add_projection(joint, layers - 1);
    add_rest(joint, layers - 1);
    add_rest(read, 1);
  }

  [[nodiscard]] PassProducts take() { return std::move(products_); }

 private:
  void add(std::int64_t rows, std::int64_t in, std::int64_t out, double count) {
    if (rows > 0 && count > 0) products_.linear.push_back({rows, in, out, count});
  }

  void add_projection(std::int64_t rows, double layers) {
    add(rows, config_.hidden_size, 3 * config_.hidden_size, layers);
  }

  // Attention's output and the feed-forward layer.
  void add_rest(std::int64_t rows, double layers) {
    add(rows, config_.hidden_size, config_.hidden_size, layers);
    add(rows, config_.hidden_size, config_.intermediate_size, layers);
    add(rows, config_.intermediate_size, config_.hidden_size, layers);
  }

  void add_attention(std::int64_t queries, std::int64_t keys, double layers) {
    products_.attention_flops += 2.0 * attention_products_ *
                                 static_cast<double>(config_.hidden_size) *
                                 static_cast<double>(queries) * static_cast<double>(keys) * layers;
  }

  const ModelConfig& config_;
  int attention_products_;
  PassProducts products_;
};

}  // namespace

double PassProducts::linear_flops() const {
  double flops = 0;
  for (const LinearProduct& product : linear) {
    flops += 2.0 * static_cast<double>(product.rows) * static_cast<double>(product.in) *
             static_cast<double>(product.out) * product.count;
  }
  return flops;
}

PassProducts answer_products(const ModelConfig& config, BenchMode mode,
                             std::span<const QuestionRows> questions) {
  std::vector<std::int64_t> question_lengths;
  std::vector<std::int64_t> window_lengths;
  for (const QuestionRows& each : questions) {
    question_lengths.push_back(each.question);
    window_lengths.insert(window_lengths.end(), each.windows.begin(), each.windows.end());
  }
  ProductCounter counter(config);
  if (mode == BenchMode::kCold) counter.add_lower(window_lengths);
  counter.add_lower(question_lengths);
  counter.add_upper(questions, mode == BenchMode::kProjected);
  return counter.take();
}

}  // namespace deformer
