#include "tools/jsonl_run.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/json_id.h"
#include "deformer/error.h"
#include "serve/answer_json.h"
#include "tools/input.h"
#include "tools/jsonl_request.h"

namespace deformer::tools {
namespace {

constexpr std::size_t kBatchLines = 256;

// The line is at fault, not the machine: the next line may be fine.
bool is_fault_of_line(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument || error.code() == ErrorCode::kNotFound ||
         error.code() == ErrorCode::kCorrupt;
}

// A line on its way from input to output.
struct Slot {
  std::size_t number = 0;
  std::string id_json;
  QaRequest request;
  std::optional<Error> error;
  QaResult result;
};

class JsonlRunner {
 public:
  JsonlRunner(Answerer& answerer, bool keep_going, std::string input_name, Output& output)
      : answerer_(answerer),
        keep_going_(keep_going),
        input_name_(std::move(input_name)),
        output_(output) {}

  void run(const std::vector<LineReader::Line>& lines) {
    std::vector<Slot> slots;
    for (const LineReader::Line& line : lines) {
      if (is_blank_line(line.text) && !line.too_long) continue;
      slots.push_back(parse(line));
      if (slots.back().error && !keep_going_) break;
    }
    answer(slots);
    for (const Slot& slot : slots) write(slot);
    output_.flush();
  }

  [[nodiscard]] std::size_t errors() const noexcept { return errors_; }

 private:
  Slot parse(const LineReader::Line& line) const {
    Slot slot;
    slot.number = line.number;
    const std::string where = input_name_ + ": line " + std::to_string(line.number);
    try {
      require_whole(line, where);
      JsonlRequest parsed = parse_jsonl_request(line.text, where);
      slot.id_json = std::move(parsed.id_json);
      slot.request = std::move(parsed.request);
      answerer_.check_question(slot.request.question, where + ": question");
    } catch (const Error& error) {
      slot.error = error;
      if (slot.id_json.empty()) slot.id_json = find_json_id(line.text);
    }
    return slot;
  }

  // All good lines in one call; a line at fault leaves the others alone.
  void answer(std::vector<Slot>& slots) {
    std::vector<QaRequest> requests;
    std::vector<Slot*> good;
    for (Slot& slot : slots) {
      if (slot.error) continue;
      good.push_back(&slot);
      requests.push_back(std::move(slot.request));
    }
    answerer_.answer_each(requests, [&](std::size_t request, Outcome<QaResult>&& outcome) {
      Slot& slot = *good[request];
      const Error* const error = outcome.error();
      if (error == nullptr) {
        slot.result = std::move(outcome).value();
        return;
      }
      if (!is_fault_of_line(*error)) throw *error;
      slot.error = Error(error->code(), input_name_ + ": line " + std::to_string(slot.number) +
                                            ": " + error->what());
    });
  }

  void write(const Slot& slot) {
    if (!slot.error) {
      output_.write(
          serve::result_line(slot.result, {.id_json = slot.id_json,
                                           .question = "",
                                           .no_answer_score = answerer_.options().no_answer}));
      return;
    }
    if (!keep_going_) {
      output_.flush();
      throw *slot.error;
    }
    ++errors_;
    output_.write(serve::error_line(slot.number, slot.error->what(), slot.id_json));
  }

  Answerer& answerer_;
  bool keep_going_;
  std::string input_name_;
  Output& output_;
  std::size_t errors_ = 0;
};

}  // namespace

std::size_t answer_jsonl(Answerer& answerer, const JsonlOptions& options, const Talk& talk,
                         Output& output) {
  LineReader lines(options.path);
  // Where lines come from a terminal or go to one, a moving line would stand between them.
  const Talk quiet(true);
  const bool at_terminal = lines.input().is_terminal() || output.is_terminal();
  Progress progress(at_terminal ? quiet : talk, "answer", "lines", 0);
  JsonlRunner runner(answerer, options.keep_going, lines.input().name(), output);
  std::size_t left = options.limit.value_or(static_cast<std::size_t>(-1));
  std::size_t done = 0;
  while (left > 0) {
    const auto batch = lines.next_batch(std::min(left, kBatchLines));
    if (batch.empty()) break;
    runner.run(batch);
    left -= batch.size();
    done += batch.size();
    progress.update(done);
  }
  return runner.errors();
}

}  // namespace deformer::tools
