#include "train/training_state.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <cstring>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "format/safetensors.h"
#include "train/recipe.h"
#include "train/run_file.h"

namespace deformer {
namespace {

constexpr RunFileKind kStateKind{"deformer training state", "1", "a training state"};

// The three tensors of a parameter.
struct StateTensor {
  std::string name;
  at::Tensor tensor;
};

std::vector<StateTensor> state_tensors(const Adamw& optimizer) {
  std::vector<StateTensor> tensors;
  for (std::size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const Parameter& parameter = optimizer.parameters()[i];
    const Adamw::Moments& moments = optimizer.moments()[i];
    // A fused tensor goes under the first of its names.
    const std::string& name = parameter.names.front();
    tensors.push_back({"weight." + name, parameter.value.detach()});
    tensors.push_back({"first_moment." + name, moments.first});
    tensors.push_back({"second_moment." + name, moments.second});
  }
  return tensors;
}

nlohmann::json to_json(const TrainingPosition& position) {
  nlohmann::json json;
  json["step"] = position.step;
  json["evaluated_step"] = position.evaluated_step;
  json["seconds"] = position.seconds;
  json["recipe"] = position.recipe;
  if (position.best) {
    const TrainingScore& best = *position.best;
    json["best"] = {{"step", best.step}, {"split_layer", best.split_layer}};
    if (best.exact) json["best"]["exact"] = *best.exact;
    if (best.f1) json["best"]["f1"] = *best.f1;
    if (best.accuracy) json["best"]["accuracy"] = *best.accuracy;
  }
  return json;
}

TrainingPosition from_json(const std::string& text, const std::string& where) {
  const nlohmann::json document = parse_json(text, where);
  const JsonPlace root(document, where);
  TrainingPosition position;
  position.step = static_cast<std::uint64_t>(root.at("step").as_integer());
  if (const auto evaluated = root.find("evaluated_step")) {
    position.evaluated_step = static_cast<std::uint64_t>(evaluated->as_integer());
  }
  position.seconds = root.at("seconds").as_number();
  position.recipe = root.at("recipe").as_string();
  if (root.has("best")) {
    const JsonPlace best = root.at("best");
    const auto number = [&](const char* name) {
      return best.has(name) ? std::optional(best.at(name).as_number()) : std::nullopt;
    };
    position.best = TrainingScore{static_cast<std::uint64_t>(best.at("step").as_integer()),
                                  static_cast<int>(best.at("split_layer").as_integer()),
                                  number("exact"), number("f1"), number("accuracy")};
  }
  return position;
}

// Throws where the state is of another run.
TrainingPosition read_position(const RunFile& file, const std::string& recipe) {
  TrainingPosition position = from_json(file.value("state"), file.where());
  if (is_same_run(recipe, position.recipe)) return position;
  throw Error(ErrorCode::kIncompatible, file.where() + ": expected the state of a run with " +
                                            recipe + ", found one with " + position.recipe);
}

void copy_into(const at::Tensor& target, const TensorView& view, const std::string& where) {
  if (view.dtype != Dtype::kF32 || at::IntArrayRef(view.shape) != target.sizes()) {
    throw Error(ErrorCode::kIncompatible,
                where + ": tensor " + in_quotes(view.name) + ": expected F32 " +
                    shape_text({target.sizes().data(), target.sizes().size()}) + ", found " +
                    to_string(view.dtype) + " " + shape_text(view.shape));
  }
  at::Tensor values = at::empty(target.sizes(), at::kFloat);
  std::memcpy(values.data_ptr(), view.bytes.data(), view.bytes.size());
  target.copy_(values);
}

}  // namespace

void save_training_state(const std::filesystem::path& path, const Adamw& optimizer,
                         const TrainingPosition& position) {
  std::vector<at::Tensor> kept;
  std::vector<TensorView> views;
  for (const StateTensor& state : state_tensors(optimizer)) {
    kept.push_back(state.tensor.to(at::kCPU).contiguous());
    const at::Tensor& tensor = kept.back();
    views.push_back({state.name,
                     Dtype::kF32,
                     tensor.sizes().vec(),
                     {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
  }
  Metadata metadata = metadata_of(kStateKind);
  metadata["state"] = to_json(position).dump();
  write_safetensors(path, views, metadata);
}

void require_training_state(const std::filesystem::path& path, const std::string& recipe) {
  static_cast<void>(read_position(RunFile(path, kStateKind), recipe));
}

TrainingPosition load_training_state(const std::filesystem::path& path, const std::string& recipe,
                                     Adamw& optimizer) {
  const torch::autograd::AutoGradMode no_gradient(false);
  const RunFile file(path, kStateKind);
  const std::string& where = file.where();
  TrainingPosition position = read_position(file, recipe);
  for (const StateTensor& state : state_tensors(optimizer)) {
    const TensorView* view = file.find(state.name);
    if (view == nullptr) {
      throw Error(ErrorCode::kIncompatible,
                  where + ": expected tensor " + in_quotes(state.name) + ", found none");
    }
    copy_into(state.tensor, *view, where);
  }
  return position;
}

}  // namespace deformer
