#include "deformer/paper_benchmark.h"

#include <algorithm>
#include <utility>

#include "bench/paper_run.h"
#include "bench/process.h"
#include "deformer/error.h"
#include "deformer/published_models.h"
#include "nn/guard.h"

namespace deformer {
namespace {

struct PaperModel {
  std::string name;
  ModelConfig config;
  std::vector<PaperTask> tasks;
};

std::vector<PaperTask> chosen_tasks(const std::vector<std::string>& names) {
  const std::vector<PaperTask> known = paper_tasks();
  if (names.empty()) return known;
  std::vector<PaperTask> chosen;
  std::string list;
  for (const PaperTask& task : known) {
    list += (list.empty() ? "" : ", ") + task.name;
    if (std::find(names.begin(), names.end(), task.name) != names.end()) chosen.push_back(task);
  }
  for (const std::string& name : names) {
    if (std::any_of(known.begin(), known.end(),
                    [&](const auto& task) { return task.name == name; })) {
      continue;
    }
    throw Error(ErrorCode::kInvalidArgument,
                "task: expected one of " + list + ", found \"" + name + "\"");
  }
  return chosen;
}

// All are checked before the first runs.
std::vector<PaperModel> plan(const PaperOptions& options) {
  const std::vector<PaperTask> tasks = chosen_tasks(options.tasks);
  std::vector<PaperModel> models;
  const bool as_published = options.models.empty();
  const std::vector<std::string> published{"bert-base", "bert-large", "xlnet-base"};
  for (const std::string& name : as_published ? published : options.models) {
    PaperModel& model = models.emplace_back(PaperModel{name, published_model_config(name), tasks});
    if (as_published && name == "bert-large") {
      std::erase_if(model.tasks, [](const PaperTask& task) { return task.name != "squad"; });
    }
  }
  return models;
}

std::vector<PaperRow> run(const PaperOptions& options) {
  const std::vector<PaperModel> models = plan(options);
  std::size_t total = 0;
  for (const PaperModel& model : models) total += model.tasks.size();
  std::vector<PaperRow> rows;
  const ThreadsGuard threads(options.threads);
  for (const PaperModel& each : models) {
    if (each.tasks.empty()) continue;
    const auto model =
        Model::random(each.config, {.threads = options.threads, .seed = options.seed});
    for (const PaperTask& task : each.tasks) {
      if (options.progress) options.progress(rows.size(), total, each.name + " " + task.name);
      PaperRow& row = rows.emplace_back(
          run_paper_task(*model, task, {.min_seconds = options.min_seconds, .seed = options.seed}));
      row.model = each.name;
      row.paper = paper_figures(task.name, each.name);
    }
  }
  return rows;
}

}  // namespace

std::vector<PaperRow> run_paper_benchmark(const PaperOptions& options) {
  return nn::guarded([&] { return run(options); });
}

}  // namespace deformer
