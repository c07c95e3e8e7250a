// Questions, examples, predictions.
#include <array>

#include "data/readers.h"
#include "deformer/predictions.h"
#include "deformer/squad.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/input_files.h"

namespace deformer::fuzz {
namespace {

void read_squad(Input input) {
  (void)load_squad(write_file("data.json", input), SquadUse::kQuestions);
}
void read_squad_training(Input input) {
  (void)load_squad(write_file("data.json", input), SquadUse::kTraining);
}
void read_boolq(Input input) {
  (void)load_boolq(write_file("data.jsonl", input));
}
void read_mnli(Input input) {
  (void)load_mnli(write_file("data.tsv", input));
}
void read_qqp(Input input) {
  (void)load_qqp(write_file("data.tsv", input));
}
void read_race(Input input) {
  (void)load_race(write_file("data.txt", input));
}
void read_class_lines(Input input) {
  (void)load_class_lines(write_file("data.jsonl", input));
}
void read_choice_lines(Input input) {
  (void)load_choice_lines(write_file("data.jsonl", input));
}
void read_predictions(Input input) {
  (void)load_predictions(write_file("predictions.json", input));
}
void read_scores(Input input) {
  (void)load_no_answer_scores(write_file("scores.json", input));
}

}  // namespace

std::span<const Target> data_targets() {
  static constexpr std::array kTargets{
      Target{"squad", read_squad},
      Target{"squad_training", read_squad_training},
      Target{"boolq", read_boolq},
      Target{"mnli", read_mnli},
      Target{"qqp", read_qqp},
      Target{"race", read_race},
      Target{"class_lines", read_class_lines},
      Target{"choice_lines", read_choice_lines},
      Target{"predictions", read_predictions},
      Target{"no_answer_scores", read_scores},
  };
  return kTargets;
}

}  // namespace deformer::fuzz
