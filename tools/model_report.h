// A model directory described for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "deformer/inspect.h"
#include "deformer/model.h"

namespace deformer::tools {

struct ModelReport {
  const Model& model;
  std::vector<WeightFormat> weights;
  FlopsEstimate flops;
};

[[nodiscard]] std::string to_text(const ModelReport& report);
/// One object in one line (docs/cli.md).
[[nodiscard]] std::string to_json(const ModelReport& report);

}  // namespace deformer::tools
