// For programs that work on tensors: the split encoder, with lower layers per segment and upper
// layers per pair. The only public header that includes LibTorch's; programs that only ask
// questions need span_qa.h, not this.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deformer/export.h"
#include "deformer/model_config.h"
#include "deformer/types.h"

namespace deformer {

/// States of several segments, one after the other without padding.
struct Encoding {
  at::Tensor hidden;  ///< [tokens, hidden] on the model's device, in the type of its
                      ///< precision (fp32 with int8)
  std::vector<std::int64_t>
      offsets;  ///< [segments + 1]; segment i owns rows [offsets[i], offsets[i + 1])
  /// Encoder::project() of `hidden`, in its type; undefined where upper() is to compute it.
  at::Tensor projections = {};

  [[nodiscard]] std::int64_t num_segments() const noexcept {
    return static_cast<std::int64_t>(offsets.size()) - 1;
  }
  [[nodiscard]] std::int64_t length(std::int64_t segment) const {
    return offsets[segment + 1] - offsets[segment];
  }
};

/// A question and a passage window to be joined: indices into two encodings.
struct SegmentPair {
  std::int64_t question = 0;
  std::int64_t passage = 0;
};

/// Which rows of a pair the last layer computes. Fewer are faster; their values do not depend on
/// the choice.
enum class JointRows : std::uint8_t {
  kAll,      ///< both segments in their joint order (passage_place(); for spans BERT: question,
             ///< passage; XLNet: passage, question)
  kPassage,  ///< the passage's rows: what a span head reads
  kPassageAndCls,  ///< the same, then the row of [CLS]: a span head with a no-answer candidate
  kCls,            ///< only the row of [CLS]: what a pooled head reads
};

/// Called with the packed states [tokens, hidden] after embeddings (layer -1) and after each layer,
/// by absolute index.
using LayerObserver = std::function<void(std::int64_t layer, const at::Tensor& hidden)>;

/// How one forward pass runs. The default is inference.
struct ForwardOptions {
  LayerObserver observer = nullptr;
  /// Probability with which training zeroes a value after the embeddings and after each sub-layer,
  /// before the residual sum; XLNet does so too with its sinusoids, after the activation and after
  /// the last layer. 0 = off, at most 0.99, in steps of 1/256. Attention weights are never dropped:
  /// that would take attention off its fused kernel.
  double dropout = 0;
  /// Source of the dropped positions; LibTorch's default generator of the device when absent.
  std::optional<at::Generator> generator = {};
};

/// A tensor that training changes. Where the encoder keeps several tensors of the checkpoint as
/// one, `names` has several: `value` is their concatenation along the first dimension, in equal
/// parts.
struct Parameter {
  at::Tensor value;
  std::vector<std::string> names;  ///< canonical names (docs/model_format.md)
  /// What attention adds for a distance (MPNet). Training leaves it as it is unless told otherwise
  /// (TrainingOptions::train_distance_bias).
  bool is_distance_bias = false;

  /// False where the model keeps a weight in the form of its arithmetic alone (int8; 16 bits on a
  /// CPU): `value` has the shape and no memory behind it, and reads as zeros.
  [[nodiscard]] DEFORMER_EXPORT bool has_values() const;
};

/// A stack of transformer layers over packed segments. Architecture-specific; made by Model::load.
/// Immutable, safe for concurrent calls. Between LibTorch's calls and the caller's: what LibTorch
/// throws, as for states of another width, leaves as it is. No padding exists outside the attention
/// kernel, so a result never depends on the batch. A loaded model's encoder is for inference alone:
/// no gradient passes through it.
class DEFORMER_EXPORT Encoder {
 public:
  virtual ~Encoder() = default;

  /// Embeddings and layers [0, split_layer). Throws kInvalidArgument for an id or position out of
  /// range.
  [[nodiscard]] virtual Encoding lower(std::span<const Segment> segments,
                                       const ForwardOptions& options = {}) const = 0;

  /// Query, key and value of the first upper layer for states [rows, hidden]: [rows, 3 * hidden],
  /// in this order. They depend on the row alone, so those of a passage can be kept with its
  /// states; XLNet's query has the bias of the contents in it.
  [[nodiscard]] virtual at::Tensor project(const at::Tensor& hidden) const = 0;

  /// Layers [split_layer, n) over each pair's two segments. What does not depend on the partner
  /// (the first upper layer's projections) is computed once per segment, or taken from
  /// `passages.projections` where they are. Result i belongs to
  /// pairs[i], its rows as `rows` says; an observer sees all rows of every layer but the last, and
  /// of the last those that `rows` names.
  [[nodiscard]] virtual Encoding upper(const Encoding& questions, const Encoding& passages,
                                       std::span<const SegmentPair> pairs, JointRows rows,
                                       const ForwardOptions& options = {}) const = 0;

  /// Where the rows that `rows` names stand among all joint rows (JointRows::kAll), pair by pair.
  [[nodiscard]] virtual std::vector<std::int64_t> joint_rows(const Encoding& questions,
                                                             const Encoding& passages,
                                                             std::span<const SegmentPair> pairs,
                                                             JointRows rows) const = 0;

  /// All weights, each once. They share memory with the encoder, and may be views of the model's
  /// file: to be read, not written. See Parameter::has_values().
  [[nodiscard]] virtual std::vector<Parameter> parameters() const = 0;

  /// The same weights, shared and not copied, split elsewhere. Throws kInvalidArgument outside [0,
  /// layers - 1]. The caller answers for the layout: a passage that continues after its question
  /// allows split_layer 0 only.
  [[nodiscard]] virtual std::unique_ptr<const Encoder> with_split_layer(
      std::int64_t split_layer) const = 0;

  /// The same, for texts of the lengths that `split` has: only where positions depend on them
  /// (XLNet in layout `slots`) is this another encoder than with_split_layer() gives. The layout
  /// stays the encoder's own.
  [[nodiscard]] virtual std::unique_ptr<const Encoder> with_split(const SplitConfig& split) const {
    return with_split_layer(split.split_layer);
  }
};

}  // namespace deformer
