#include "train/teacher_answers.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/half.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "format/safetensors.h"
#include "train/losses.h"
#include "train/run_file.h"

namespace deformer {
namespace {

constexpr RunFileKind kAnswersKind{"deformer teacher answers", "1", "a teacher's answers"};
constexpr const char* kLogits = "logits";
constexpr const char* kReading = "reading";

void require_same(const RunFile& file, const char* key, const std::string& expected) {
  const std::string& found = file.value(key);
  if (found == expected) return;
  throw Error(ErrorCode::kIncompatible,
              file.where() + ": " + key + ": expected " + expected + ", found " + found +
                  "; these are the answers of another run: give another file");
}

std::size_t number_of(const std::string& text, std::size_t most, const std::string& where) {
  std::size_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value <= most) {
    return value;
  }
  throw Error(ErrorCode::kCorrupt, where + ": examples: expected a number of at most " +
                                       std::to_string(most) + ", found \"" + text + "\"");
}

const std::string& question_of(const TrainingSet& set, std::size_t example) {
  return set.question_ids[set.pairs[example * set.pairs_per_example].question];
}

}  // namespace

TeacherAnswers::TeacherAnswers(const TrainingSet& set, std::int64_t outputs)
    : set_(set),
      choices_(set.labels.empty() ? 2 : 1),
      outputs_(static_cast<std::size_t>(outputs)),
      offsets_(set.num_examples() + 1) {
  for (std::size_t i = 0; i < set.num_examples(); ++i) {
    offsets_[i + 1] = offsets_[i] + choices_ * candidates(i);
  }
}

std::size_t TeacherAnswers::candidates(std::size_t example) const {
  if (!set_.labels.empty()) return set_.pairs_per_example * outputs_;
  return set_.windows[set_.pairs[example].window].size() + (set_.no_answer ? 1 : 0);
}

void TeacherAnswers::keep(std::size_t example, std::span<const float> logits) {
  for (const float value : logits) {
    if (!(std::abs(value) <= kHalfMax)) {
      throw Error(ErrorCode::kInvalidArgument, "teacher: question " + question_of(set_, example) +
                                                   ": expected logits within fp16, found " +
                                                   std::to_string(value));
    }
    values_.push_back(float_to_half(value));
  }
}

void TeacherAnswers::append(const at::Tensor& logits) {
  const at::Tensor values = logits.to(at::kCPU, at::kFloat).contiguous();
  const auto examples = static_cast<std::size_t>(values.size(1));
  DEFORMER_CHECK(values.size(0) == static_cast<std::int64_t>(choices_) &&
                 done_ + examples <= set_.num_examples());
  const auto* const rows = values.const_data_ptr<float>();
  const auto longest = static_cast<std::size_t>(values.size(2));
  for (std::size_t i = 0; i < examples; ++i) {
    for (std::size_t choice = 0; choice < choices_; ++choice) {
      keep(done_ + i, {rows + (choice * examples + i) * longest, candidates(done_ + i)});
    }
  }
  done_ += examples;
}

at::Tensor TeacherAnswers::logits(std::span<const std::uint32_t> indices,
                                  const at::Device& device) const {
  std::vector<std::size_t> examples;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < indices.size(); i += set_.pairs_per_example) {
    examples.push_back(indices[i] / set_.pairs_per_example);
    longest = std::max(longest, candidates(examples.back()));
  }
  DEFORMER_CHECK(complete());
  at::Tensor logits = at::full({static_cast<std::int64_t>(choices_), std::ssize(examples),
                                static_cast<std::int64_t>(longest)},
                               kExcludedLogit, at::kFloat);
  auto* const rows = logits.mutable_data_ptr<float>();
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const std::size_t count = candidates(examples[i]);
    const std::uint16_t* stored = values_.data() + offsets_[examples[i]];
    for (std::size_t choice = 0; choice < choices_; ++choice, stored += count) {
      std::transform(stored, stored + count, rows + (choice * examples.size() + i) * longest,
                     half_to_float);
    }
  }
  return logits.to(device);
}

void TeacherAnswers::save(const std::filesystem::path& path, const AnswersOwner& owner) const {
  const TensorView view{
      kLogits, Dtype::kF16, {std::ssize(values_)}, std::as_bytes(std::span(values_))};
  Metadata metadata = metadata_of(kAnswersKind);
  metadata["teacher"] = owner.teacher;
  metadata["layout"] = owner.layout;
  metadata["data"] = owner.data;
  metadata[kReading] = owner.reading;
  metadata["examples"] = std::to_string(done_);
  write_safetensors(path, {&view, 1}, metadata);
}

void TeacherAnswers::load(const std::filesystem::path& path, const AnswersOwner& owner) {
  const RunFile file(path, kAnswersKind);
  const std::string& where = file.where();
  require_same(file, "teacher", owner.teacher);
  require_same(file, "layout", owner.layout);
  require_same(file, "data", owner.data);
  if (file.has(kReading)) require_same(file, kReading, owner.reading);
  const std::size_t done = number_of(file.value("examples"), set_.num_examples(), where);
  const TensorView* const view = file.find(kLogits);
  const std::size_t bytes = offsets_[done] * sizeof(std::uint16_t);
  if (view == nullptr || view->dtype != Dtype::kF16 || view->bytes.size() != bytes) {
    throw Error(
        ErrorCode::kCorrupt,
        where + ": tensor " + in_quotes(kLogits) + ": expected F16 " +
            shape_text(Shape{static_cast<std::int64_t>(offsets_[done])}) + ", found " +
            (view == nullptr ? "none" : to_string(view->dtype) + " " + shape_text(view->shape)));
  }
  std::vector<std::uint16_t> values(offsets_[done]);
  if (bytes > 0) std::memcpy(values.data(), view->bytes.data(), bytes);
  const auto finite = [](std::uint16_t half) { return std::isfinite(half_to_float(half)); };
  if (!std::all_of(values.begin(), values.end(), finite)) {
    throw Error(ErrorCode::kCorrupt, where + ": tensor " + in_quotes(kLogits) +
                                         ": expected finite values, found another");
  }
  values_ = std::move(values);
  done_ = done;
}

}  // namespace deformer
