#include "tools/train_report.h"

#include "base/number_text.h"
#include "tools/json_line.h"

namespace deformer::tools {
namespace {

std::string losses_text(const StepLosses& losses) {
  std::string text = "loss " + fixed(losses.total, 3);
  const auto part = [&](const char* name, const std::optional<double>& loss) {
    if (loss) text.append(", ").append(name).append(" ").append(fixed(*loss, 3));
  };
  if (losses.kd || losses.lrs) {
    part("task", losses.task);
    part("kd", losses.kd);
    part("lrs", losses.lrs);
  }
  return text;
}

std::string score_text(const TrainingScore& score) {
  std::string text;
  const auto number = [&](const char* name, const std::optional<double>& value) {
    if (value) text += (text.empty() ? "" : ", ") + std::string(name) + " " + fixed(*value, 2);
  };
  number("accuracy", score.accuracy);
  number("exact", score.exact);
  number("F1", score.f1);
  return text + " (split layer " + std::to_string(score.split_layer) + ", step " +
         grouped(score.step) + ")";
}

Json score_json(const TrainingScore& score) {
  Json json;
  json["step"] = score.step;
  json["split_layer"] = score.split_layer;
  if (score.exact) json["exact"] = *score.exact;
  if (score.f1) json["f1"] = *score.f1;
  if (score.accuracy) json["accuracy"] = *score.accuracy;
  return json;
}

}  // namespace

TrainingHooks TrainingDisplay::hooks() {
  return {.on_data = [this](const TrainingDataReport& data) { show_data(data); },
          .on_teacher = [this](const TeacherProgress& progress) { show_teacher(progress); },
          .on_step = [this](const TrainingProgress& progress) { show_step(progress); },
          .on_scoring = [this](const ScoringProgress& progress) { show_scoring(progress); },
          .on_score = [this](const TrainingScore& score) { show_score(score); }};
}

void TrainingDisplay::show_data(const TrainingDataReport& data) {
  talk_.note(grouped(data.questions) + " questions, " + grouped(data.held_out) + " to be scored; " +
             grouped(data.pairs) + " pairs with " + grouped(data.windows) + " windows of " +
             grouped(data.paragraphs) + " paragraphs");
  const auto note = [&](const char* what, std::size_t count) {
    if (count > 0) talk_.note(std::string(what) + ": " + grouped(count));
  };
  note("questions left out, passage in the validation data", data.in_validation);
  note("answers not at their start, taken from the nearest occurrence", data.moved_answers);
  note("questions left out, answer not in the passage", data.lost_answers);
  note("questions left out, without answer or label", data.without_answer);
  note("questions left out, answer in no single window", data.split_answers);
  note("questions cut, longer than the model allows", data.cut_questions);
  note("passages cut, longer than the model allows", data.cut_passages);
}

void TrainingDisplay::show_teacher(const TeacherProgress& progress) {
  if (!progress_) progress_.emplace(talk_, "teacher", "examples", progress.of);
  progress_->update(progress.examples,
                    grouped(static_cast<std::size_t>(progress.tokens_per_second)) + " tokens/s");
  if (progress.examples == progress.of) progress_.reset();
}

void TrainingDisplay::show_step(const TrainingProgress& progress) {
  if (!progress_) progress_.emplace(talk_, "train", "steps", progress.steps);
  progress_->update(progress.step,
                    losses_text(progress.losses) + ", " +
                        grouped(static_cast<std::size_t>(progress.tokens_per_second)) +
                        " tokens/s, " + duration(progress.seconds_left) + " left");
}

void TrainingDisplay::show_scoring(const ScoringProgress& progress) {
  progress_.reset();
  if (!scoring_) scoring_.emplace(talk_, "score", "examples", progress.of);
  scoring_->update(progress.examples);
  if (progress.examples == progress.of) scoring_.reset();
}

void TrainingDisplay::show_score(const TrainingScore& score) {
  progress_.reset();
  scoring_.reset();
  talk_.note("scored: " + score_text(score));
}

std::string to_text(const TrainingResult& result) {
  std::string text = (result.finished ? "trained " : "stopped after ") + grouped(result.steps) +
                     (result.steps == 1 ? " step in " : " steps in ") + duration(result.seconds);
  if (result.best) text += "; best " + score_text(*result.best);
  // Before the first step there is no state, only what the teacher has answered.
  if (!result.finished) {
    text += result.steps == 0 ? "; the same command goes on" : "; --resume continues";
  }
  return text;
}

std::string to_json(const TrainingResult& result) {
  Json json;
  json["finished"] = result.finished;
  json["steps"] = result.steps;
  json["seconds"] = result.seconds;
  json["questions"] = result.data.questions;
  json["held_out"] = result.data.held_out;
  json["in_validation"] = result.data.in_validation;
  json["pairs"] = result.data.pairs;
  json["moved_answers"] = result.data.moved_answers;
  json["lost_answers"] = result.data.lost_answers;
  json["without_answer"] = result.data.without_answer;
  json["split_answers"] = result.data.split_answers;
  json["cut_questions"] = result.data.cut_questions;
  json["cut_passages"] = result.data.cut_passages;
  json["scores"] = Json::array();
  for (const TrainingScore& score : result.scores) json["scores"].push_back(score_json(score));
  if (result.best) json["best"] = score_json(*result.best);
  return json_line(json);
}

}  // namespace deformer::tools
