#include "nn/linear.h"

#include <ATen/ATen.h>

#include <utility>

namespace deformer::nn {
namespace {

at::Tensor shape_only(const at::Tensor& weight) {
  return at::zeros({}, weight.options()).expand(weight.sizes());
}

}  // namespace

Linear::Linear(at::Tensor weight, at::Tensor bias, Precision precision, WeightOrder order)
    : weight_(std::move(weight)),
      bias_(std::move(bias)),
      order_(order),
      products_(choose_products(weight_, precision, order)) {
  if (products_.back()->kind() != ProductKind::kPlain) weight_ = shape_only(weight_);
}

const Product& Linear::product_for(std::int64_t rows) const {
  for (const auto& product : products_) {
    if (product->takes(rows)) return *product;
  }
  return *products_.back();
}

at::Tensor Linear::forward(const at::Tensor& input, std::optional<Activation> activation) const {
  const at::Tensor bias = bias_.defined() ? bias_.flatten() : bias_;
  return product_for(input.size(0)).multiply(input, bias, activation);
}

}  // namespace deformer::nn
