#include "bench/paper_benchmark.h"

#include <algorithm>
#include <utility>

#include "bench/paper_run.h"
#include "bench/process.h"
#include "deformer/error.h"
#include "deformer/model_config.h"
#include "nn/guard.h"

namespace deformer {
namespace {

struct PaperModel {
  std::string name;
  ModelConfig config;
  std::vector<PaperTask> tasks;
};

void require_known(const std::vector<PaperTask>& known, const std::string& name) {
  std::string list;
  for (const PaperTask& task : known) {
    if (task.name == name) return;
    list.append(list.empty() ? "" : ", ").append(task.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "task: expected one of " + list + ", found \"" + name + "\"");
}

// In the paper's order.
std::vector<PaperTask> chosen_tasks(const std::vector<std::string>& names) {
  std::vector<PaperTask> tasks = paper_tasks();
  for (const std::string& name : names) require_known(tasks, name);
  std::erase_if(tasks, [&](const PaperTask& task) {
    return !names.empty() && std::find(names.begin(), names.end(), task.name) == names.end();
  });
  return tasks;
}

// The paper has BERT-large on SQuAD alone.
std::vector<PaperTask> published_tasks(const std::string& model, std::vector<PaperTask> tasks) {
  if (model != "bert-large") return tasks;
  std::erase_if(tasks, [](const PaperTask& task) { return task.name != "squad"; });
  return tasks;
}

// All names are checked before the first model is made.
std::vector<PaperModel> plan(const PaperOptions& options) {
  const std::vector<PaperTask> tasks = chosen_tasks(options.tasks);
  std::vector<PaperModel> models;
  models.reserve(options.models.size());
  for (const std::string& name : options.models) {
    models.push_back({name, published_model_config(name), tasks});
  }
  if (!models.empty()) return models;
  for (const char* name : {"bert-base", "bert-large", "xlnet-base"}) {
    models.push_back({name, published_model_config(name), published_tasks(name, tasks)});
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
        Model::random(each.config, {.runtime = {.threads = options.threads}, .seed = options.seed});
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
