// The teacher's logits of a whole training set, computed once: what kd compares a student with.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "train/training_set.h"

namespace deformer {

/// What a file of answers belongs to; all of it must fit.
struct AnswersOwner {
  std::string teacher;  ///< hash of its weights
  std::string layout;
  std::string data;     ///< hash of the training set
  std::string reading;  ///< hash_of_reading(); files of before 2026-12 do not say it

  friend bool operator==(const AnswersOwner&, const AnswersOwner&) = default;
};

/// Logits by example, in the set's order, as fp16: two lists over the candidates of a span (the
/// window's tokens, [CLS] where the set has pairs without an answer), one over classes or choices.
/// 34,000 SQuAD questions take 22 MB. Not safe for concurrent calls that change it.
class TeacherAnswers {
 public:
  /// Without answers. `outputs`: of the teacher's head a pair. The set must outlive the object.
  TeacherAnswers(const TrainingSet& set, std::int64_t outputs);

  [[nodiscard]] std::size_t size() const noexcept { return done_; }  ///< examples answered
  [[nodiscard]] bool complete() const noexcept { return done_ == set_.num_examples(); }

  /// The next examples' logits [choices, examples, candidates], as task_logits() gives them. Throws
  /// kInvalidArgument naming the question when one is not finite or too large for fp16.
  void append(const at::Tensor& logits);

  /// Of the examples of a pass, whose pairs `indices` are: as task_logits() would give them, on
  /// `device`.
  [[nodiscard]] at::Tensor logits(std::span<const std::uint32_t> indices,
                                  const at::Device& device) const;

  /// Replaces the file as a whole. Throws kIo, kResourceExhausted: then it stays as it was.
  void save(const std::filesystem::path& path, const AnswersOwner& owner) const;
  /// Takes the answers of a file, all or as many as it has. Throws kNotFound, kIo, kCorrupt,
  /// kIncompatible for another owner's (what differs, expected, found).
  void load(const std::filesystem::path& path, const AnswersOwner& owner);

 private:
  [[nodiscard]] std::size_t candidates(std::size_t example) const;
  void keep(std::size_t example, std::span<const float> logits);

  const TrainingSet& set_;
  std::size_t choices_;  // softmaxes of an example
  std::size_t outputs_;
  std::size_t done_ = 0;
  std::vector<std::size_t> offsets_;  // [examples + 1], into values_
  std::vector<std::uint16_t> values_;
};

}  // namespace deformer
