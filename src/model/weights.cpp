#include "model/weights.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>

#include "architecture/architecture.h"
#include "base/hash.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "format/int8_tensor.h"

namespace deformer {
namespace {

constexpr std::size_t kMaxProblems = 1000;

std::optional<at::ScalarType> floating_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF16:
      return at::kHalf;
    case Dtype::kBf16:
      return at::kBFloat16;
    case Dtype::kF32:
      return at::kFloat;
    case Dtype::kF64:
      return at::kDouble;
    default:
      return std::nullopt;
  }
}

bool begins_with_any(std::string_view name, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return name.starts_with(prefix); });
}

bool is_embedding(std::string_view name, const Architecture& architecture) {
  const WeightPlaces& places = architecture.weights;
  if (!name.starts_with(places.root) || name.size() <= places.root.size()) return false;
  return name.substr(places.root.size() + 1).starts_with(places.embeddings);
}

// "70000", "1e+300".
std::string shortest_text(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

bool is_aligned(const void* data, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(data) % bytes == 0;
}

// In the stored type, on the mapped bytes wherever their address allows it.
at::Tensor view_of(const StoredTensor& stored, at::ScalarType type, at::IntArrayRef shape) {
  const std::span<const std::byte> bytes = stored.view.bytes;
  if (!is_aligned(bytes.data(), value_bytes(stored.view.dtype))) {
    at::Tensor copy = at::empty(shape, type);
    std::memcpy(copy.data_ptr(), bytes.data(), bytes.size());
    return copy;
  }
  return at::from_blob(
      const_cast<std::byte*>(bytes.data()), shape, [owner = stored.owner](void*) {},
      at::TensorOptions(type));
}

void require_representable(const at::Tensor& source, const at::Tensor& converted,
                           const std::string& where, Dtype dtype) {
  if (source.numel() == 0) return;
  const bool overflows =
      at::logical_and(at::isinf(converted), at::isfinite(source)).any().item<bool>();
  if (!overflows) return;
  throw Error(ErrorCode::kInvalidArgument, where + ": expected values that " + to_string(dtype) +
                                               " can hold, found up to " +
                                               std::to_string(source.abs().max().item<double>()));
}

std::span<const float> row_of(const at::Tensor& matrix, std::int64_t row) {
  const auto columns = static_cast<std::size_t>(matrix.size(1));
  return {matrix.const_data_ptr<float>() + static_cast<std::size_t>(row) * columns, columns};
}

at::Tensor int8_scales(const at::Tensor& matrix, const std::string& where) {
  at::Tensor scales = at::empty({matrix.size(0)}, at::kFloat);
  for (std::int64_t i = 0; i < matrix.size(0); ++i) {
    scales.mutable_data_ptr<float>()[i] = int8_scale(row_of(matrix, i), where);
  }
  return scales;
}

at::Tensor int8_matrix(const at::Tensor& matrix, const std::string& where) {
  at::Tensor values = at::empty(matrix.sizes(), at::kChar);
  auto* row = values.mutable_data_ptr<std::int8_t>();
  for (std::int64_t i = 0; i < matrix.size(0); ++i, row += matrix.size(1)) {
    quantize_row(row_of(matrix, i), where, {row, static_cast<std::size_t>(matrix.size(1))});
  }
  return values;
}

at::Tensor values_to_save(const at::Tensor& weight, const SavedTensor& part,
                          const std::string& where) {
  if (part.is_scale || part.spec.dtype == Dtype::kI8) {
    const at::Tensor matrix = weight.to(at::kFloat).contiguous();
    return part.is_scale ? int8_scales(matrix, where) : int8_matrix(matrix, where);
  }
  at::Tensor converted = weight.to(*floating_type(part.spec.dtype)).contiguous();
  require_representable(weight, converted, where, part.spec.dtype);
  return converted;
}

}  // namespace

// A vector is a gain or a bias, whatever the architecture calls it.
at::Tensor WeightLoader::make(std::string_view name, at::IntArrayRef shape) const {
  if (shape.size() == 1) {
    return name.ends_with("weight") ? at::ones(shape, at::kFloat) : at::zeros(shape, at::kFloat);
  }
  Hasher hasher;
  hasher.add(name).add(static_cast<std::int64_t>(random_.seed));
  return at::normal(0.0, random_.deviation, shape,
                    at::detail::createCPUGenerator(hasher.digest64()), at::kFloat);
}

at::Tensor WeightLoader::take_as(at::ScalarType wanted, const std::string& name,
                                 at::IntArrayRef shape) {
  if (checkpoint_ == nullptr) {
    taken_values_ += c10::multiply_integers(shape);
    return make(name, shape).to(placement_.device, wanted);
  }
  const auto stand_in = [&] {
    if (missing_.count() + misshapen_.count() >= kMaxProblems) fail({});
    return at::zeros({}, at::device(placement_.device).dtype(wanted)).expand(shape);
  };
  const StoredTensor* stored = checkpoint_->find(name);
  if (stored == nullptr) {
    missing_.add(name);
    return stand_in();
  }
  taken_.insert(name);
  const std::optional<at::Tensor> view = stored_values(*stored, name, shape);
  if (!view) return stand_in();
  taken_values_ += c10::multiply_integers(shape);
  const bool copy = memory_ == WeightMemory::kOwned;
  at::Tensor values = view->to(placement_.device, wanted, /*non_blocking=*/false, copy);
  // Embeddings are large, and rows that no text has do no harm; in fp16 a finite value may be lost.
  const bool narrowed = wanted == at::kHalf && view->scalar_type() != at::kHalf;
  const bool embedding = is_embedding(name, checkpoint_->architecture());
  if (embedding && !narrowed) return values;
  const auto fault = find_non_finite(values);
  if (fault && narrowed) require_in_fp16(name, *view);
  if (fault && !embedding) refuse(name, *fault);
  return values;
}

// Of a tensor that is not finite in fp16.
void WeightLoader::require_in_fp16(const std::string& name, const at::Tensor& stored) const {
  // A file of F64 may hold more than fp32 does.
  const auto largest = stored.abs().max().item<double>();
  if (!std::isfinite(largest)) return;  // the file's own fault
  const bool in_fp32 = largest <= std::numeric_limits<float>::max();
  throw Error(ErrorCode::kUnsupported,
              checkpoint_->path().string() + ": tensor " + in_quotes(name) +
                  ": expected values that fp16 can hold, at most 65504, found up to " +
                  shortest_text(largest) +
                  (in_fp32 ? " (fp32 weights and precision hold it)" : ""));
}

std::optional<at::Tensor> WeightLoader::find_values(const std::string& name) {
  const StoredTensor* stored = checkpoint_->find(name);
  return stored == nullptr ? std::nullopt : stored_values(*stored, name, stored->view.shape);
}

std::optional<at::Tensor> WeightLoader::stored_values(const StoredTensor& stored,
                                                      const std::string& name,
                                                      at::IntArrayRef shape) {
  const TensorView& found = stored.view;
  const auto type = floating_type(found.dtype);
  const bool int8 =
      found.dtype == Dtype::kI8 && !shape.empty() && checkpoint_->scale_of(stored, name) != nullptr;
  if ((type || int8) && at::IntArrayRef(found.shape) == shape) {
    return int8 ? int8_values(stored, name, shape) : view_of(stored, *type, shape);
  }
  const std::span<const std::int64_t> expected(shape.data(), shape.size());
  misshapen_.add(name, " (expected F32, F16, BF16 or F64 " + shape_text(expected) + ", found " +
                           to_string(found.dtype) + " " + shape_text(found.shape) +
                           lack_of_scales(name, found.dtype, int8) + ")");
  return std::nullopt;
}

std::optional<at::Tensor> WeightLoader::int8_values(const StoredTensor& stored,
                                                    const std::string& name,
                                                    at::IntArrayRef shape) {
  const StoredTensor& scale = *checkpoint_->scale_of(stored, name);
  const std::string scale_name = int8_scale_name(name);
  taken_.insert(scale_name);
  const std::int64_t rows = shape.front();
  const Shape expected{rows};
  if (scale.view.dtype != Dtype::kF32 || scale.view.shape != expected) {
    misshapen_.add(scale_name, " (expected F32 " + shape_text(expected) + ", found " +
                                   to_string(scale.view.dtype) + " " +
                                   shape_text(scale.view.shape) + ")");
    return std::nullopt;
  }
  const at::Tensor scales = view_of(scale, at::kFloat, rows);
  require_finite(scale_name, scales);
  std::vector<std::int64_t> column(shape.size(), 1);
  column.front() = rows;
  return view_of(stored, at::kChar, shape).to(at::kFloat).mul_(scales.view(column));
}

void WeightLoader::require_finite(const std::string& name, const at::Tensor& values) const {
  if (const auto fault = find_non_finite(values)) refuse(name, *fault);
}

void WeightLoader::refuse(const std::string& name, const std::string& fault) const {
  throw Error(ErrorCode::kCorrupt,
              checkpoint_->path().string() + ": tensor " + in_quotes(name) + ": " + fault);
}

std::optional<std::string> find_non_finite(const at::Tensor& values) {
  // One value that is no number is enough for that of the sum.
  if (std::isfinite(at::sum(values, at::kFloat).item<float>())) return std::nullopt;
  const at::Tensor flat = values.flatten();
  const at::Tensor bad = at::isfinite(flat).logical_not();
  if (!bad.any().item<bool>()) return std::nullopt;
  const auto place = bad.to(at::kInt).argmax().item<std::int64_t>();
  return "expected finite numbers, found " + std::to_string(flat[place].item<float>()) +
         " as value " + std::to_string(place);
}

NameList WeightLoader::unexpected(const std::vector<std::string>& ignorable_prefixes) const {
  NameList names;
  for (const auto& [name, stored] : checkpoint_->tensors()) {
    const bool ignorable = is_commonly_unused(name, checkpoint_->architecture()) ||
                           begins_with_any(name, ignorable_prefixes);
    if (!ignorable && !taken_.contains(name)) names.add(name);
  }
  return names;
}

void WeightLoader::fail(const NameList& unexpected) const {
  throw Error(ErrorCode::kIncompatible,
              checkpoint_->path().string() +
                  ": expected the tensors that config.json describes, found " +
                  join_problems({missing_.text("missing"), misshapen_.text("misshapen"),
                                 unexpected.text("unexpected")}));
}

void WeightLoader::finish(const std::vector<std::string>& ignorable_prefixes) const {
  if (checkpoint_ == nullptr) return;
  const NameList unexpected_names = unexpected(ignorable_prefixes);
  if (missing_.count() + misshapen_.count() + unexpected_names.count() > 0) {
    fail(unexpected_names);
  }
}

at::Tensor join_weights(const std::vector<at::Tensor>& parts) {
  const auto stands_in = [](const at::Tensor& part) {
    const at::IntArrayRef strides = part.strides();
    return std::all_of(strides.begin(), strides.end(), [](auto stride) { return stride == 0; });
  };
  if (!std::all_of(parts.begin(), parts.end(), stands_in)) return at::cat(parts);
  std::vector<std::int64_t> shape = parts.front().sizes().vec();
  shape.front() *= std::ssize(parts);
  return at::zeros({}, parts.front().options()).expand(shape);
}

void write_checkpoint(const std::filesystem::path& model_dir, const NamedTensors& tensors,
                      Dtype dtype) {
  const std::filesystem::path path = model_dir / "model.safetensors";
  if (dtype == Dtype::kF64 || (dtype != Dtype::kI8 && !floating_type(dtype))) {
    throw Error(ErrorCode::kInvalidArgument,
                path.string() + ": expected F32, F16, BF16 or I8, found " + to_string(dtype));
  }
  NamedTensors sorted = tensors;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<TensorSpec> weights;
  for (const auto& [name, tensor] : sorted) {
    if (!tensor.defined() || !tensor.is_floating_point()) {
      throw Error(ErrorCode::kInvalidArgument, path.string() + ": tensor " + in_quotes(name) +
                                                   ": expected a floating-point tensor");
    }
    weights.push_back({name, dtype, tensor.sizes().vec()});
  }
  const std::vector<SavedTensor> saved = tensors_to_save(weights, dtype);
  std::vector<TensorSpec> specs;
  specs.reserve(saved.size());
  for (const SavedTensor& part : saved) specs.push_back(part.spec);
  SafetensorsWriter writer(path, specs, {{"format", "pt"}});
  for (const SavedTensor& part : saved) {
    const auto& [name, tensor] = sorted[part.weight];
    const std::string where = path.string() + ": tensor " + in_quotes(name);
    const at::Tensor values = values_to_save(tensor.detach().to(at::kCPU), part, where);
    writer.append({static_cast<const std::byte*>(values.const_data_ptr()),
                   static_cast<std::size_t>(values.nbytes())});
  }
  writer.commit();
}

}  // namespace deformer
