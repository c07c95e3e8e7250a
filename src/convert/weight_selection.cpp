#include "convert/weight_selection.h"

#include <algorithm>
#include <utility>

#include "architecture/architecture.h"
#include "architecture/checkpoint.h"
#include "deformer/error.h"
#include "format/int8_tensor.h"
#include "format/name_list.h"

namespace deformer {
namespace {

std::vector<WeightGroup> groups_of(const ModelConfig& config,
                                   const std::vector<NamedWeight>& weights) {
  // More layers than weights are missing anyway, however many a broken configuration asks for.
  const std::int64_t layers =
      std::min(config.num_hidden_layers, static_cast<std::int64_t>(weights.size()) + 1);
  const Architecture& architecture = architecture_of(config);
  const HasWeight has = [&](std::string_view name) {
    return find_weight(weights, name) != nullptr;
  };
  std::vector<WeightGroup> groups;
  architecture.add_weights(config, layers, has, groups);
  const std::int64_t hidden = config.hidden_size;
  const auto add_head = [&](const PooledHeadForm& head) {
    groups.emplace_back().add_dense(head.pooler, hidden, hidden);
    groups.emplace_back().add_dense(head.output, hidden, WeightGroup::kAny);
  };
  add_head(architecture.class_head);
  if (architecture.choice_head != architecture.class_head) add_head(architecture.choice_head);
  groups.emplace_back().add_dense("qa_outputs", hidden, 2);
  return groups;
}

bool fits(const Shape& shape, const Shape& expected) {
  return std::equal(shape.begin(), shape.end(), expected.begin(), expected.end(),
                    [](std::int64_t found, std::int64_t size) {
                      return size == WeightGroup::kAny ? found >= 1 : found == size;
                    });
}

bool is_weight(const SourceTensor& tensor) {
  const Dtype dtype = tensor.dtype;
  return dtype == Dtype::kF16 || dtype == Dtype::kBf16 || dtype == Dtype::kF32 ||
         dtype == Dtype::kF64 || !tensor.scales.empty();
}

void check_group(const WeightGroup& group, const std::vector<NamedWeight>& weights,
                 NameList& missing, NameList& misshapen) {
  const bool there = group.required ||
                     std::any_of(group.shapes.begin(), group.shapes.end(), [&](const auto& each) {
                       return find_weight(weights, each.first) != nullptr;
                     });
  if (!there) return;
  for (const auto& [name, shape] : group.shapes) {
    const NamedWeight* const weight = find_weight(weights, name);
    if (weight == nullptr) {
      missing.add(name);
      continue;
    }
    const SourceTensor& tensor = weight->tensor;
    if (fits(tensor.shape, shape) && is_weight(tensor)) continue;
    misshapen.add(name, " (expected F32, F16, BF16 or F64 " + shape_text(shape) + ", found " +
                            to_string(tensor.dtype) + " " + shape_text(tensor.shape) +
                            lack_of_scales(name, tensor.dtype, !tensor.scales.empty()) + ")");
  }
}

// Inside the encoder it is a table that is not looked at (DeBERTa v3's positions), else a head.
SkipReason reason_to_skip(std::string_view name, const Architecture& architecture) {
  const bool inside = name.starts_with(std::string(architecture.weights.root) + ".");
  return inside ? SkipReason::kBuffer : SkipReason::kPretrainingHead;
}

// Without the heads' facts.
WeightSelection known_weights(NameMap map, const std::vector<WeightGroup>& groups,
                              const CheckpointSource& source) {
  WeightSelection selection;
  selection.unused = std::move(map.unmatched);
  for (NamedWeight& weight : map.weights) {
    const bool known = std::any_of(groups.begin(), groups.end(), [&](const WeightGroup& group) {
      return group.shapes.contains(weight.name);
    });
    const std::string& name = source.tensors[weight.source].name;
    if (known) {
      selection.weights.push_back(std::move(weight));
    } else if (is_commonly_unused(weight.name, *map.architecture)) {
      selection.skipped.push_back({name, reason_to_skip(weight.name, *map.architecture)});
    } else {
      selection.unused.push_back(name);
    }
  }
  std::sort(selection.unused.begin(), selection.unused.end());
  const auto last = std::unique(selection.unused.begin(), selection.unused.end());
  selection.unused.erase(last, selection.unused.end());
  return selection;
}

}  // namespace

WeightSelection select_weights(NameMap map, const ModelConfig& config,
                               const CheckpointSource& source, bool allow_unused) {
  const std::vector<WeightGroup> groups = groups_of(config, map.weights);
  NameList missing;
  NameList misshapen;
  for (const WeightGroup& group : groups) check_group(group, map.weights, missing, misshapen);
  WeightSelection selection = known_weights(std::move(map), groups, source);
  NameList unused;
  if (!allow_unused) {
    for (const std::string& name : selection.unused) unused.add(name);
  }
  const std::string problems =
      join_problems({missing.text("missing"), misshapen.text("misshapen"),
                     unused.text("that no model here uses (--allow-unused leaves them out)")});
  if (!problems.empty()) {
    throw Error(ErrorCode::kIncompatible, source.path.string() + ": expected the tensors of a " +
                                              config.architecture + " model, found " + problems);
  }
  selection.span_head = find_weight(selection.weights, "qa_outputs.weight") != nullptr;
  const Architecture& architecture = architecture_of(config);
  for (const PooledHeadForm& names : {architecture.class_head, architecture.choice_head}) {
    const NamedWeight* const head = find_weight(selection.weights, names.output + ".weight");
    if (head == nullptr) continue;
    selection.class_head = true;
    selection.classes = head->tensor.shape[0];
  }
  return selection;
}

}  // namespace deformer
