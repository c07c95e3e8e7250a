// Tensors out of a checkpoint, and into one.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "architecture/checkpoint.h"
#include "deformer/runtime.h"
#include "format/name_list.h"
#include "nn/placement.h"

namespace deformer {

/// Whose memory the tensors of a WeightLoader are in.
enum class WeightMemory : std::uint8_t {
  kMapped,  ///< the mapped file's where its bytes can be used as they are: for inference
  kOwned,   ///< their own, which may be written: for training
};

/// New weights: matrices normally distributed, gains 1, biases 0, as BERT and XLNet begin their
/// pretraining. A value depends on the seed, the tensor's name and its shape alone.
struct RandomWeights {
  double deviation = 0.02;  ///< ModelConfig::initializer_range
  std::uint64_t seed = 1;
};

/// Hands out the weights of a checkpoint by canonical name and keeps account: what was missing,
/// what had another shape, what nobody took. The checkpoint must outlive the loader; the tensors
/// outlive both. Or makes random ones: then nothing can be missing, and no optional tensor is
/// there. Not safe for concurrent calls.
class WeightLoader {
 public:
  explicit WeightLoader(const Checkpoint& checkpoint, WeightMemory memory = WeightMemory::kMapped)
      : checkpoint_(&checkpoint), memory_(memory) {}
  explicit WeightLoader(const RandomWeights& random) : random_(random) {}

  /// Where the tensors live, and arithmetic and type of the layers that are made of them. By
  /// default the CPU and fp32. Throws as nn::placement_of().
  void place(const Runtime& runtime) {
    placement_ = nn::placement_of(runtime);
    precision_ = runtime.precision;
    linear_type_ = runtime.weights == WeightType::kFp16 ? at::kHalf : placement_.type;
  }
  [[nodiscard]] Precision precision() const { return precision_; }

  /// A tensor of exactly this shape and of the placement's type, contiguous. Mapped, stored in that
  /// type (and aligned) and for the CPU: a view of the mapped file, which stays mapped as long as
  /// the tensor. Otherwise a converted copy; of one that is kept in 8 bits its values times its
  /// scales. The mapping is read-only: never write such a weight in place.
  ///
  /// A weight outside the embeddings that is not finite is kCorrupt: attention would turn some into
  /// zeros without a sign. (Embeddings are large and read by row; a NaN there shows in the states.)
  /// A finite one that fp16 cannot hold is kUnsupported where fp16 is wanted.
  ///
  /// A tensor that is missing or misshapen is recorded for finish() and stands in as zeros that
  /// take no memory (strides 0). After 1,000 such tensors the error is thrown at once: the
  /// configuration belongs to another model.
  [[nodiscard]] at::Tensor take(const std::string& name, at::IntArrayRef shape) {
    return take_as(placement_.type, name, shape);
  }
  /// The weight of a linear layer: in fp16 where Runtime::weights says so.
  [[nodiscard]] at::Tensor take_linear(const std::string& name, at::IntArrayRef shape) {
    return take_as(linear_type_, name, shape);
  }
  /// The same in a type of the caller's choice.
  [[nodiscard]] at::Tensor take_as(at::ScalarType wanted, const std::string& name,
                                   at::IntArrayRef shape);

  /// False for random weights: what a checkpoint may lack is left out.
  [[nodiscard]] bool has(std::string_view name) const {
    return checkpoint_ != nullptr && checkpoint_->find(name) != nullptr;
  }
  /// As stored; empty when absent.
  [[nodiscard]] Shape shape(std::string_view name) const {
    return has(name) ? checkpoint_->find(name)->view.shape : Shape{};
  }
  /// Whatever its shape, in its own type (in fp32 where it is kept in 8 bits); absent where it is
  /// missing or of no type of weights.
  [[nodiscard]] std::optional<at::Tensor> find_values(const std::string& name);
  /// How many values the tensors have that were taken.
  [[nodiscard]] std::int64_t taken_values() const { return taken_values_; }

  /// To be called when everything has been taken. Throws one kIncompatible that lists what was
  /// missing, misshapen (or no floating-point tensor), and unexpected: neither taken, nor
  /// is_commonly_unused(), nor beginning with one of `ignorable_prefixes`.
  void finish(const std::vector<std::string>& ignorable_prefixes = {}) const;

 private:
  [[nodiscard]] at::Tensor make(std::string_view name, at::IntArrayRef shape) const;
  // As it is stored; records and gives nothing when it has another shape or no type of weights.
  [[nodiscard]] std::optional<at::Tensor> stored_values(const StoredTensor& stored,
                                                        const std::string& name,
                                                        at::IntArrayRef shape);
  [[nodiscard]] std::optional<at::Tensor> int8_values(const StoredTensor& stored,
                                                      const std::string& name,
                                                      at::IntArrayRef shape);
  void require_finite(const std::string& name, const at::Tensor& values) const;
  void require_in_fp16(const std::string& name, const at::Tensor& stored) const;
  [[noreturn]] void refuse(const std::string& name, const std::string& fault) const;
  [[nodiscard]] NameList unexpected(const std::vector<std::string>& ignorable_prefixes) const;
  [[noreturn]] void fail(const NameList& unexpected) const;

  const Checkpoint* checkpoint_ = nullptr;  // null: random weights
  RandomWeights random_;
  WeightMemory memory_ = WeightMemory::kMapped;
  nn::Placement placement_;
  Precision precision_ = Precision::kFp32;
  at::ScalarType linear_type_ = at::kFloat;
  std::set<std::string, std::less<>> taken_;
  std::int64_t taken_values_ = 0;
  NameList missing_;
  NameList misshapen_;
};

/// "expected finite numbers, found nan as value 3"; absent where all are finite.
[[nodiscard]] std::optional<std::string> find_non_finite(const at::Tensor& values);

/// A loader and a prefix: a layer names its weights relative to where it stands.
///   WeightScope bert(loader, "bert");
///   bert.sub("embeddings.LayerNorm").take("weight", {hidden});
/// The loader must outlive the scope.
class WeightScope {
 public:
  explicit WeightScope(WeightLoader& loader, std::string prefix = "")
      : loader_(&loader), prefix_(std::move(prefix)) {}

  [[nodiscard]] WeightScope sub(std::string_view name) const {
    return WeightScope(*loader_, full_name(name));
  }
  [[nodiscard]] at::Tensor take_linear(std::string_view name, at::IntArrayRef shape) const {
    return loader_->take_linear(full_name(name), shape);
  }
  [[nodiscard]] at::Tensor take(std::string_view name, at::IntArrayRef shape) const {
    return loader_->take(full_name(name), shape);
  }
  /// In fp32 whatever the placement's type: for heads, which are small, and what they say is the
  /// answer.
  [[nodiscard]] at::Tensor take_fp32(std::string_view name, at::IntArrayRef shape) const {
    return loader_->take_as(at::kFloat, full_name(name), shape);
  }
  [[nodiscard]] bool has(std::string_view name) const { return loader_->has(full_name(name)); }
  [[nodiscard]] Precision precision() const { return loader_->precision(); }

  [[nodiscard]] std::string full_name(std::string_view name) const {
    return prefix_.empty() ? std::string(name) : prefix_ + "." + std::string(name);
  }

 private:
  WeightLoader* loader_;
  std::string prefix_;
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Weights of one shape that are kept as one, one below the other. Of stand-ins another stand-in:
/// what is missing takes no memory here either.
[[nodiscard]] at::Tensor join_weights(const std::vector<at::Tensor>& parts);

/// Writes MODEL_DIR/model.safetensors as a whole or not at all, converting tensor by tensor to
/// `dtype` (F32, F16, BF16, or I8 as in int8_tensor.h), with the metadata that Hugging Face asks
/// for. The directory must exist. Throws kInvalidArgument for another dtype, a tensor that is not
/// floating-point, or a finite value that `dtype` cannot hold (I8: also one that is not finite);
/// and as SafetensorsWriter.
void write_checkpoint(const std::filesystem::path& model_dir, const NamedTensors& tensors,
                      Dtype dtype = Dtype::kF32);

}  // namespace deformer
