#include "nn/bf16_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "nn/gradient.h"
#include "nn/heads.h"
#include "nn/row_count.h"
#include "nn/softmax_rows.h"

namespace deformer::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// One sequence's place in the rows and in the kept probabilities.
struct Part {
  std::int64_t query = 0;
  std::int64_t queries = 0;
  std::int64_t key = 0;
  std::int64_t keys = 0;
  std::int64_t first = 0;  // of its probabilities

  // Padded, as oneDNN compiles code for every size that it meets.
  [[nodiscard]] std::int64_t rows() const { return padded_rows(queries); }
  [[nodiscard]] std::int64_t columns() const { return padded_rows(keys); }
};

class Parts {
 public:
  /// The offsets outlive it.
  Parts(Offsets queries, Offsets keys, std::int64_t heads)
      : queries_(queries), keys_(keys), heads_(heads) {
    for (std::size_t i = 0; i + 1 < queries.size(); ++i) {
      parts_.push_back({.query = queries[i],
                        .queries = queries[i + 1] - queries[i],
                        .key = keys[i],
                        .keys = keys[i + 1] - keys[i],
                        .first = count_});
      DEFORMER_CHECK(parts_.back().queries == 0 || parts_.back().keys > 0);
      count_ += heads * parts_.back().rows() * parts_.back().columns();
    }
  }

  [[nodiscard]] const std::vector<Part>& all() const { return parts_; }
  [[nodiscard]] Offsets queries() const { return queries_; }
  [[nodiscard]] Offsets keys() const { return keys_; }
  [[nodiscard]] std::int64_t heads() const { return heads_; }
  /// Probabilities of all sequences.
  [[nodiscard]] std::int64_t count() const { return count_; }

  /// [heads, rows, columns] of one sequence, a view.
  [[nodiscard]] at::Tensor of(const at::Tensor& probabilities, const Part& part) const {
    return probabilities.narrow(0, part.first, heads_ * part.rows() * part.columns())
        .view({heads_, part.rows(), part.columns()});
  }

 private:
  Offsets queries_;
  Offsets keys_;
  std::int64_t heads_;
  std::vector<Part> parts_;
  std::int64_t count_ = 0;
};

// [count, heads * head size] from row `first` on -> [heads, padded, head size], zeros below.
at::Tensor take_heads(const at::Tensor& rows, std::int64_t first, std::int64_t count,
                      std::int64_t heads) {
  const std::int64_t padded = padded_rows(count);
  at::Tensor taken = at::empty({heads, padded, rows.size(1) / heads}, rows.options());
  taken.narrow(1, 0, count).copy_(split_heads(rows.narrow(0, first, count), heads));
  taken.narrow(1, count, padded - count).zero_();
  return taken;
}

// take_heads() less the mean of the rows. That moves all scores of a query by one number, which a
// softmax does not see; what is left of them is smaller, and is rounded by less.
at::Tensor take_centred_heads(const at::Tensor& rows, std::int64_t first, std::int64_t count,
                              std::int64_t heads) {
  at::Tensor taken = take_heads(rows, first, count, heads);
  const at::Tensor values = taken.narrow(1, 0, count);
  values.sub_(values.mean(1, /*keepdim=*/true));
  return taken;
}

void put_heads(const at::Tensor& rows, std::int64_t first, std::int64_t count,
               const at::Tensor& values) {
  split_heads(rows.narrow(0, first, count), values.size(0)).copy_(values.narrow(1, 0, count));
}

float scale_of(const at::Tensor& heads) {
  return 1.0F / std::sqrt(static_cast<float>(heads.size(2)));
}

std::uint16_t* bits_of(const at::Tensor& tensor) {
  return reinterpret_cast<std::uint16_t*>(tensor.mutable_data_ptr<at::BFloat16>());
}

// body(head, first row, rows) over the rows of [heads, rows, columns], by all threads.
template <typename Body>
void for_rows(std::int64_t heads, std::int64_t rows, std::int64_t columns, const Body& body) {
  const std::int64_t grain = row_grain(columns);
  at::parallel_for(0, heads * rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end;) {
      const std::int64_t count = std::min(end - row, rows - row % rows);
      body(row / rows, row % rows, count);
      row += count;
    }
  });
}

// Scores in place -> probabilities. `bias` [1, heads, queries, keys] fp32 or undefined.
void to_probabilities(const at::Tensor& scores, const Part& part, const at::Tensor& bias,
                      float scale) {
  const at::Tensor added = !bias.defined() || bias.stride(3) == 1 ? bias : bias.contiguous();
  std::uint16_t* const bits = bits_of(scores);
  const std::int64_t columns = part.columns();
  for_rows(scores.size(0), part.queries, columns,
           [&](std::int64_t head, std::int64_t row, std::int64_t count) {
             SoftmaxBias row_bias;
             if (added.defined()) {
               row_bias.stride = static_cast<std::size_t>(added.stride(2));
               row_bias.values =
                   added.const_data_ptr<float>() + head * added.stride(1) + row * added.stride(2);
             }
             softmax_rows(
                 {bits + (head * part.rows() + row) * columns, static_cast<std::size_t>(count),
                  static_cast<std::size_t>(columns), static_cast<std::size_t>(part.keys)},
                 row_bias, scale);
           });
  // Padding meets gradients that are 0: it must be numbers all the same, as NaN * 0 is NaN.
  scores.narrow(1, part.queries, part.rows() - part.queries).zero_();
}

void to_score_gradient(const at::Tensor& probabilities, const at::Tensor& gradient,
                       const Part& part, float scale) {
  const std::uint16_t* const kept = bits_of(probabilities);
  std::uint16_t* const bits = bits_of(gradient);
  const std::int64_t columns = part.columns();
  for_rows(gradient.size(0), part.rows(), columns,
           [&](std::int64_t head, std::int64_t row, std::int64_t count) {
             const std::int64_t place = (head * part.rows() + row) * columns;
             softmax_gradient_rows(
                 kept + place,
                 {bits + place, static_cast<std::size_t>(count), static_cast<std::size_t>(columns),
                  static_cast<std::size_t>(part.keys)},
                 scale);
           });
}

// `kept`: room for the probabilities of all sequences; undefined: they are not kept.
at::Tensor attend_parts(const AttentionInputs& inputs, const Parts& parts,
                        std::span<const at::Tensor> biases, const at::Tensor& kept) {
  const std::int64_t heads = parts.heads();
  at::Tensor output = at::empty(inputs.query.sizes(), inputs.query.options());
  for (std::size_t i = 0; i < parts.all().size(); ++i) {
    const Part& part = parts.all()[i];
    if (part.queries == 0) continue;
    const at::Tensor queries = take_heads(inputs.query, part.query, part.queries, heads);
    const at::Tensor keys = take_centred_heads(inputs.key, part.key, part.keys, heads);
    const at::Tensor values = take_heads(inputs.value, part.key, part.keys, heads);
    at::Tensor scores = kept.defined()
                            ? parts.of(kept, part)
                            : at::empty({heads, part.rows(), part.columns()}, queries.options());
    at::bmm_out(scores, queries, keys.transpose(1, 2));
    to_probabilities(scores, part, biases.empty() ? at::Tensor() : biases[i], scale_of(queries));
    put_heads(output, part.query, part.queries, at::bmm(scores, values));
  }
  return output;
}

std::vector<std::int64_t> to_list(Offsets offsets) {
  return {offsets.begin(), offsets.end()};
}

class Bf16Attention : public torch::autograd::Function<Bf16Attention> {
 public:
  struct Constants {
    const Parts& parts;
    std::span<const at::Tensor> biases;
  };

  static at::Tensor forward(AutogradContext* context, const at::Tensor& query,
                            const at::Tensor& key, const at::Tensor& value,
                            const Constants& constants) {
    const Parts& parts = constants.parts;
    const std::int64_t heads = parts.heads();
    const at::Tensor probabilities = at::empty({parts.count()}, query.options());
    at::Tensor output = attend_parts({query, key, value}, parts, constants.biases, probabilities);
    context->save_for_backward({query, key, value, probabilities});
    context->saved_data["queries"] = to_list(parts.queries());
    context->saved_data["keys"] = to_list(parts.keys());
    context->saved_data["heads"] = heads;
    return output;
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& gradients) {
    const tensor_list saved = context->get_saved_variables();
    const std::vector<std::int64_t> queries = context->saved_data["queries"].toIntVector();
    const std::vector<std::int64_t> keys = context->saved_data["keys"].toIntVector();
    const Parts parts(queries, keys, context->saved_data["heads"].toInt());
    const Rows rows{saved[0], saved[1], saved[2], saved[3], gradients[0]};
    const Rows found{at::empty(rows.query.sizes(), rows.query.options()),
                     at::empty(rows.key.sizes(), rows.key.options()),
                     at::empty(rows.value.sizes(), rows.value.options())};
    for (const Part& part : parts.all()) add_gradient(parts, part, rows, found);
    return {found.query, found.key, found.value, {}};
  }

 private:
  struct Rows {
    at::Tensor query;
    at::Tensor key;
    at::Tensor value;
    at::Tensor probabilities = {};
    at::Tensor output = {};  // the gradient of the output
  };

  static void add_gradient(const Parts& parts, const Part& part, const Rows& rows,
                           const Rows& found) {
    if (part.queries == 0) {
      found.key.narrow(0, part.key, part.keys).zero_();
      found.value.narrow(0, part.key, part.keys).zero_();
      return;
    }
    const std::int64_t heads = parts.heads();
    const at::Tensor queries = take_heads(rows.query, part.query, part.queries, heads);
    const at::Tensor keys = take_centred_heads(rows.key, part.key, part.keys, heads);
    const at::Tensor values = take_heads(rows.value, part.key, part.keys, heads);
    const at::Tensor output = take_heads(rows.output, part.query, part.queries, heads);
    const at::Tensor probabilities = parts.of(rows.probabilities, part);
    put_heads(found.value, part.key, part.keys, at::bmm(probabilities.transpose(1, 2), output));
    const at::Tensor scores = at::bmm(output, values.transpose(1, 2));
    to_score_gradient(probabilities, scores, part, scale_of(queries));
    put_heads(found.query, part.query, part.queries, at::bmm(scores, keys));
    put_heads(found.key, part.key, part.keys, at::bmm(scores.transpose(1, 2), queries));
  }
};

}  // namespace

bool attends_in_bf16(const AttentionInputs& inputs, std::span<const at::Tensor> biases) {
  const auto wants_none = [](const at::Tensor& bias) { return !needs_gradient(bias); };
  return inputs.query.is_cpu() && inputs.query.scalar_type() == at::kBFloat16 &&
         std::all_of(biases.begin(), biases.end(), wants_none);
}

at::Tensor attend_in_bf16(const AttentionInputs& inputs, const Sequences& queries,
                          const Sequences& keys, std::int64_t num_heads,
                          std::span<const at::Tensor> biases) {
  const Parts parts(queries.offsets(), keys.offsets(), num_heads);
  const bool recorded =
      needs_gradient(inputs.query) || needs_gradient(inputs.key) || needs_gradient(inputs.value);
  if (!recorded) return attend_parts(inputs, parts, biases, {});
  return Bf16Attention::apply(inputs.query, inputs.key, inputs.value,
                              Bf16Attention::Constants{parts, biases});
}

}  // namespace deformer::nn
