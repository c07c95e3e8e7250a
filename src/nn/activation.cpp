#include "nn/activation.h"

#include <ATen/ATen.h>

namespace deformer::nn {

at::Tensor activate(Activation activation, const at::Tensor& input) {
  switch (activation) {
    case Activation::kGeluErf:
      return at::gelu(input, "none");
    case Activation::kGeluTanh:
      return at::gelu(input, "tanh");
    case Activation::kRelu:
      return at::relu(input);
  }
  return input;
}

}  // namespace deformer::nn
