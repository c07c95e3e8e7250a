// AdamW, clipping, and the learning rate's schedule.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "deformer/encoder.h"
#include "deformer/model_config.h"

namespace deformer {

/// Highest rate times: step / warm-up steps while warming up, then linearly down to 0 at the last
/// step. `step` counts from 1; step 1 already has a rate above 0, and so has the last.
[[nodiscard]] double scheduled_rate(double highest, std::uint64_t step, std::uint64_t steps,
                                    double warmup);

/// Of each parameter, what the rate is multiplied by: TrainingOptions::layer_decay.
[[nodiscard]] std::vector<double> rate_factors(const std::vector<Parameter>& parameters,
                                               const ModelConfig& config, double layer_decay);

struct AdamwOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-6;  ///< as Google's BERT
  double weight_decay = 0.01;
};

/// Decoupled weight decay on all but layer norms and biases, XLNet's two-dimensional ones included.
/// Not safe for concurrent calls.
class Adamw {
 public:
  /// Both moments of a parameter, in its shape.
  struct Moments {
    at::Tensor first;
    at::Tensor second;
  };

  /// `factors`: of each parameter, what the rate is multiplied by; empty: all have 1.
  Adamw(std::vector<Parameter> parameters, const AdamwOptions& options,
        const std::vector<double>& factors = {});

  /// One step with the gradients that the parameters hold; afterwards they hold none. `step` counts
  /// from 1 (the bias correction needs it).
  void step(double rate, std::uint64_t step);

  [[nodiscard]] const std::vector<Parameter>& parameters() const noexcept { return parameters_; }
  [[nodiscard]] const std::vector<Moments>& moments() const noexcept { return moments_; }

 private:
  /// Parameters of one call of the kernel.
  struct Group {
    bool decayed = false;
    double factor = 1;
    std::vector<std::size_t> parameters;
  };

  void step_group(const Group& group, double rate, std::uint64_t step);

  std::vector<Parameter> parameters_;
  std::vector<Moments> moments_;  // by parameter
  std::vector<Group> groups_;
  AdamwOptions options_;
};

/// Norm of all gradients together. A parameter without a gradient counts as 0 and is given one.
[[nodiscard]] double gradient_norm(const std::vector<Parameter>& parameters);

/// Scales all gradients.
void scale_gradients(const std::vector<Parameter>& parameters, double factor);

}  // namespace deformer
