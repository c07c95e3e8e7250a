// What the reading engine is asked: question texts on passages, and who takes the logits.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "deformer/answering.h"
#include "deformer/passage_store.h"
#include "deformer/span_qa.h"
#include "task/passage_source.h"

namespace deformer {

/// The head's logits of one window.
struct WindowOutputs {
  std::vector<float> values;  ///< [outputs, rows]: the rows that the head reads
  std::size_t rows = 0;

  /// One output of all rows.
  [[nodiscard]] std::span<const float> output(std::size_t index) const {
    return std::span(values).subspan(index * rows, rows);
  }
};

/// One question text on one passage, read to its end.
struct ReadPair {
  std::size_t question = 0;                ///< place among Reading::questions()
  std::size_t place = 0;                   ///< the passage's first among Reading::passages()
  bool question_cut = false;               ///< its tail was not read
  const ReadyPassage* passage = nullptr;   ///< null: a blank text
  std::span<const WindowOutputs> windows;  ///< by window of the passage; a blank text has one
};

/// A request on its way through the engine: every question text is read on every passage. Calls
/// come from the thread that runs the engine; the last is finish() or fail().
class Reading {
 public:
  virtual ~Reading() = default;

  /// For messages: an id in quotation marks, or the request's number.
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual std::span<const std::string> questions() const = 0;
  [[nodiscard]] virtual std::span<const Passage> passages() const = 0;
  [[nodiscard]] virtual const RequestControl& control() const = 0;
  /// Null: the model's lengths.
  [[nodiscard]] virtual const SequenceLengths* lengths() const { return nullptr; }

  /// Takes a pair's logits. What it throws becomes the reading's error.
  virtual void take(const ReadPair& pair) = 0;
  /// All pairs have been taken. What the caller's own function throws passes through the engine;
  /// where it throws anything else, before it tells the result, fail() follows.
  virtual void finish() = 0;
  virtual void fail(const Error& error) = 0;
};

}  // namespace deformer
