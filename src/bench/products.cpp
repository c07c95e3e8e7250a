#include "bench/products.h"

#include <algorithm>
#include <utility>

#include "architecture/architecture.h"
#include "task/parallel_pass.h"
#include "task/preparation.h"

namespace deformer {
namespace {

// As ReadingEngine has it.
constexpr std::size_t kMostPassagesAtOnce = 64;

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

std::vector<std::int64_t> question_lengths(std::span<const QuestionRows> questions) {
  std::vector<std::int64_t> lengths;
  for (const QuestionRows& each : questions) lengths.push_back(each.question);
  return lengths;
}

std::vector<std::int64_t> window_lengths(std::span<const QuestionRows> questions) {
  std::vector<std::int64_t> lengths;
  for (const QuestionRows& each : questions) {
    lengths.insert(lengths.end(), each.windows.begin(), each.windows.end());
  }
  return lengths;
}

// A window with its question, by their numbers of rows.
struct RowPair {
  std::size_t place = 0;  // of the question
  std::int64_t question = 0;
  std::int64_t window = 0;
};

// Windows of the first lower pass over passages that are not stored: ReadingEngine has those
// encoded that it looks up at once, in batches of their own (encode_in_batches()).
std::vector<std::int64_t> first_windows(std::span<const QuestionRows> questions,
                                        std::span<const std::size_t> text_bytes,
                                        std::size_t batch_tokens) {
  std::vector<std::int64_t> windows;
  std::size_t bytes = 0;
  std::size_t rows = 0;
  for (std::size_t i = 0; i < std::min(questions.size(), kMostPassagesAtOnce); ++i) {
    bytes += text_bytes[i];
    if (i > 0 && bytes > kBytesPerToken * batch_tokens) break;
    for (const std::int64_t window : questions[i].windows) {
      rows += static_cast<std::size_t>(window);
      if (!windows.empty() && rows > batch_tokens) return windows;
      windows.push_back(window);
    }
  }
  return windows;
}

// As ReadingEngine forms its first batch.
std::vector<RowPair> first_pass(std::span<const QuestionRows> questions, std::size_t batch_tokens) {
  std::vector<RowPair> pairs;
  std::size_t tokens = 0;
  for (std::size_t place = 0; place < questions.size(); ++place) {
    const QuestionRows& each = questions[place];
    for (const std::int64_t window : each.windows) {
      tokens += static_cast<std::size_t>(each.question + window);
      if (!pairs.empty() && tokens > batch_tokens) return pairs;
      pairs.push_back({place, each.question, window});
    }
  }
  return pairs;
}

// Their questions, each once.
std::vector<QuestionRows> questions_of(std::span<const RowPair> pairs) {
  std::vector<QuestionRows> questions;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const bool another = i == 0 || pairs[i].place != pairs[i - 1].place;
    if (another) questions.push_back({pairs[i].question, {}});
    questions.back().windows.push_back(pairs[i].window);
  }
  return questions;
}

// Collects the row counts of the parts that a pass is cut into.
class PartRows {
 public:
  PartRows(const ModelConfig& config, std::size_t threads) : config_(config), threads_(threads) {}

  void add_lower(std::span<const std::int64_t> lengths) {
    for_each_part(lengths, [&](std::size_t begin, std::size_t count, ProductCounter& counter) {
      counter.add_lower(lengths.subspan(begin, count));
    });
  }

  void add_upper(std::span<const RowPair> pairs, bool projected) {
    std::vector<std::int64_t> joint;
    for (const RowPair& pair : pairs) joint.push_back(pair.question + pair.window);
    for_each_part(joint, [&](std::size_t begin, std::size_t count, ProductCounter& counter) {
      counter.add_upper(questions_of(pairs.subspan(begin, count)), projected);
    });
  }

  [[nodiscard]] std::set<std::int64_t> take() { return std::move(rows_); }

 private:
  template <typename Function>
  void for_each_part(std::span<const std::int64_t> rows, const Function& count) {
    const std::vector<std::size_t> boundaries = plan_parts(rows, threads_);
    for (std::size_t i = 1; i < boundaries.size(); ++i) {
      ProductCounter counter(config_);
      count(boundaries[i - 1], boundaries[i] - boundaries[i - 1], counter);
      for (const LinearProduct& each : counter.take().linear) rows_.insert(each.rows);
    }
  }

  const ModelConfig& config_;
  std::size_t threads_;
  std::set<std::int64_t> rows_;
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
  ProductCounter counter(config);
  if (mode == BenchMode::kCold) counter.add_lower(window_lengths(questions));
  counter.add_lower(question_lengths(questions));
  counter.add_upper(questions, mode == BenchMode::kProjected);
  return counter.take();
}

std::set<std::int64_t> first_pass_rows(const ModelConfig& config, BenchMode mode,
                                       std::span<const QuestionRows> questions,
                                       std::span<const std::size_t> text_bytes,
                                       const PassLimits& limits) {
  const std::vector<RowPair> pairs = first_pass(questions, limits.batch_tokens);
  const std::vector<QuestionRows> taken = questions_of(pairs);
  PartRows parts(config, limits.threads);
  if (mode == BenchMode::kCold) {
    parts.add_lower(first_windows(questions, text_bytes, limits.batch_tokens));
  }
  parts.add_lower(question_lengths(taken));
  parts.add_upper(pairs, mode == BenchMode::kProjected);
  return parts.take();
}

}  // namespace deformer
