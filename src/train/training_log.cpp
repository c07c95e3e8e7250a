#include "train/training_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "base/system_error.h"
#include "deformer/error.h"

namespace deformer {
namespace {

// A score that the state does not know of is made again.
bool is_kept(const nlohmann::json& line, const TrainingPosition& position) {
  const auto step = line.value("step", std::uint64_t{0});
  const std::string event = line.value("event", "");
  if (step > position.step || event == "end") return false;
  return event != "evaluation" || step < position.step || step == position.evaluated_step;
}

// Lines of an earlier run up to its state. A line that a crash cut short ends them.
std::string kept_lines(const std::filesystem::path& path, const TrainingPosition& position) {
  if (position.step == 0 || !is_there(path)) return "";
  const std::string text = read_file(path);
  std::string kept;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const std::string line = text.substr(begin, end - begin + 1);
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) break;
    if (is_kept(json, position)) kept += line;
    begin = end + 1;
  }
  return kept;
}

void add_losses(nlohmann::ordered_json& line, const StepLosses& losses) {
  line["loss"] = losses.total;
  if (losses.task) line["task"] = *losses.task;
  if (losses.kd) line["kd"] = *losses.kd;
  if (losses.lrs) line["lrs"] = *losses.lrs;
}

}  // namespace

TrainingLog::TrainingLog(std::filesystem::path path, const TrainingPosition& position)
    : path_(std::move(path)) {
  write_file(path_, kept_lines(path_, position));
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor_ < 0) {
    throw_system_error(path_.string(), "open", errno);
  }
}

TrainingLog::~TrainingLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void TrainingLog::start(const std::string& recipe, const TrainingDataReport& data,
                        std::uint64_t steps) {
  nlohmann::ordered_json line;
  line["event"] = "start";
  line["steps"] = steps;
  line["recipe"] = nlohmann::ordered_json::parse(recipe);
  line["questions"] = data.questions;
  line["held_out"] = data.held_out;
  line["pairs"] = data.pairs;
  line["windows"] = data.windows;
  write(line.dump());
}

void TrainingLog::step(const StepRecord& record) {
  nlohmann::ordered_json line;
  line["event"] = "step";
  line["step"] = record.step;
  line["epoch"] = record.epoch;
  line["questions"] = record.questions;
  line["tokens"] = record.tokens;
  line["seconds"] = record.seconds;
  line["learning_rate"] = record.learning_rate;
  add_losses(line, record.losses);
  line["gradient_norm"] = record.gradient_norm;
  line["tokens_per_second"] = record.tokens_per_second;
  line["split_layer"] = record.split_layer;
  write(line.dump());
}

void TrainingLog::score(const TrainingScore& score, double seconds, std::size_t questions) {
  nlohmann::ordered_json line;
  line["event"] = "evaluation";
  line["step"] = score.step;
  line["seconds"] = seconds;
  line["split_layer"] = score.split_layer;
  if (score.exact) line["exact"] = *score.exact;
  if (score.f1) line["f1"] = *score.f1;
  if (score.accuracy) line["accuracy"] = *score.accuracy;
  line["questions"] = questions;
  write(line.dump());
}

void TrainingLog::end(std::uint64_t step, double seconds, bool finished) {
  nlohmann::ordered_json line;
  line["event"] = "end";
  line["step"] = step;
  line["seconds"] = seconds;
  line["finished"] = finished;
  write(line.dump());
}

void TrainingLog::write(const std::string& line) {
  const std::string text = line + "\n";
  // A full disk takes a part, and says why with the rest.
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_system_error(path_.string(), "write", errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace deformer
