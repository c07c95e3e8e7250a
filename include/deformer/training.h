// Training models for every kind of answer, with the two distillation losses of the paper.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deformer/dataset.h"
#include "deformer/export.h"
#include "deformer/model_config.h"
#include "deformer/runtime.h"
#include "deformer/types.h"

namespace deformer {

class ProcessGroup;

/// Weights of the three losses (Cao et al., 2020, section 3.2: gamma, alpha, beta).
struct LossWeights {
  double task = 1.0;  ///< cross-entropy of the answer's first and last token, averaged; of the
                      ///< class or choice for other tasks
  double kd = 0.0;    ///< knowledge distillation: temperature^2 x KL(teacher || student) of the
                      ///< same distributions, averaged
  double lrs = 0.0;   ///< layerwise representation similarity: squared distance of the upper
                      ///< layers' states to the teacher's, layers matched by absolute index
};

/// The paper's weights for BERT-base and XLNet on SQuAD (appendix).
inline constexpr LossWeights kPaperLossWeights{.task = 0.7, .kd = 1.1, .lrs = 0.5};

/// Parses "task=0.7,kd=1.1,lrs=0.5" (a weight that is not named is 0) or "paper". Throws
/// kInvalidArgument for another form, a negative weight, or when all are 0.
[[nodiscard]] DEFORMER_EXPORT LossWeights parse_loss_weights(std::string_view text);

enum class LrsScale : std::uint8_t {
  kRaw,      ///< mean squared difference, as published
  kTeacher,  ///< the same divided by the mean square of the teacher's states of that layer, so that
             ///< a weight means the same for every model; the mean is over a pass
             ///< (TrainingOptions::pass_tokens)
};

/// Windows of an answerable question that do not hold the answer.
enum class Negatives : std::uint8_t {
  kDrop,  ///< left out, as the original code does
  kKeep,  ///< trained with [CLS] as the target, like unanswerable questions
};

/// With several split layers.
enum class SplitSchedule : std::uint8_t {
  kSum,        ///< every step runs all of them and averages their losses
  kAlternate,  ///< steps take turns
};

enum class TrainingPrecision : std::uint8_t {
  kFp32,
  kTf32,  ///< CUDA only: fp32 with products in TF32
  kBf16,  ///< products of the encoder in bf16, weights, optimiser, sums and head in fp32: CUDA, and
          ///< processors with AMX or AVX-512 BF16
};

struct TrainingOptions {
  // ---- What is trained
  /// Empty: the base model's own (load_model_config()). Labels of kClasses are those of a new head;
  /// a base that has the same ones keeps its head and its order. Empty labels: the base's own.
  std::optional<Task> task = {};
  /// The layers of the base, from 0, that the model begins with: some left out, some taken several
  /// times. {0, 1, 2, 3, 4, 4, 5, 5, 5, 6, 7, 8} moves a split from 6 to 9: the layers that have
  /// learnt to read question and passage together stay above it (docs/training.md). Empty: all.
  std::vector<int> layers = {};
  /// Split layers that the weights are trained for; the last one is written to config.json. Empty:
  /// the base model's own.
  std::vector<int> split_layers = {};
  /// Empty: the base model's own; for an ordinary checkpoint, and for one of `continue` that is to
  /// be split, the one of decomposed models (BERT: restart, XLNet: packed). Lengths that the base
  /// states stay, as far as its position table allows.
  std::optional<Layout> layout = {};
  /// The embeddings, what all layers share and the layers below this one are not trained: a step
  /// costs less, as no gradient is computed for them. 0 = all are trained.
  int freeze_layers = 0;
  /// MPNet's scores of distances, 32 numbers a head. Off by default: they come trained, and a
  /// gradient for them takes attention off its fused kernel.
  bool train_distance_bias = false;
  LossWeights loss_weights = {};
  /// A file for the teacher's logits of all questions and windows. They are computed once, where
  /// the file does not hold them yet, and read from there in every step, so that a step with kd
  /// costs what one without costs. Kept in fp16; belongs to one teacher (weights, config and
  /// tokenizer), layout, precision and set of training data. For kd alone: lrs needs the teacher's
  /// states. With a file the teacher may be of another architecture, as long as its tokenizer cuts
  /// passages into as many tokens (WordPiece with the same words, say). Empty: the teacher runs in
  /// every step.
  std::filesystem::path teacher_answers = {};
  double temperature = 2.0;  ///< of kd (reference code: kd_temperature)
  LrsScale lrs_scale = LrsScale::kRaw;
  Negatives negatives = Negatives::kDrop;
  SplitSchedule split_schedule = SplitSchedule::kAlternate;

  // ---- The optimiser: AdamW, linear warm-up, linear decay to 0
  double epochs = 3.0;
  std::optional<std::uint64_t> max_steps = {};  ///< in place of epochs
  double learning_rate = 5e-5;                  ///< highest, reached at the end of the warm-up
  /// A layer's rate by that of the layer above it: the head has learning_rate, the top layer
  /// layer_decay times that, the embeddings and what all layers share layer_decay to the power of
  /// the number of layers + 1. 1 = one rate for all.
  double layer_decay = 1.0;
  double warmup = 0.15;            ///< share of all steps
  double weight_decay = 0.01;      ///< not on biases and layer norms
  double max_gradient_norm = 1.0;  ///< of all gradients together; 0 = no clipping
  double dropout = 0.1;            ///< see ForwardOptions::dropout

  // ---- Batches
  std::size_t batch_questions = 32;  ///< questions (with one window each) of one step; kChoice:
                                     ///< with all their options
  /// Most joint tokens of one pass; a step of more is run in several passes whose gradients add up
  /// (gradient accumulation). Bounds memory, does not change the result beyond rounding, the
  /// dropped positions and, with LrsScale::kTeacher, the scale, which is each pass's own.
  std::size_t pass_tokens = 8192;
  /// Questions of one window that go into a batch together, so that the window is encoded once. 1 =
  /// each question by itself, the better mixture where nothing is saved (split_layer 0).
  std::size_t questions_per_window = 4;
  std::uint64_t seed = 1;

  // ---- Watching
  /// Questions set aside, by whole passages, and never trained on. 0 = none; must be 0 beside
  /// validation data.
  std::size_t held_out_questions = 0;
  std::uint64_t evaluate_every = 0;  ///< steps between evaluations of the held-out questions or
                                     ///< the validation data; 0 = only at the end
  double checkpoint_minutes = 10;    ///< time between two checkpoints
  bool resume = false;               ///< continue from the checkpoint of the output directory

  // ---- How it runs
  Device device = Device::kCpu;
  TrainingPrecision precision = TrainingPrecision::kFp32;
  int threads = 0;  ///< see Runtime::threads
  /// The processes that train one model, each with the same arguments. Null: those that the
  /// environment names (process_group_from_environment()), else this one alone.
  std::shared_ptr<ProcessGroup> group = nullptr;
  SaveFormat save_format = SaveFormat::kFp32;
};

/// What became of the questions of the training files. A question is an example (dataset.h), a
/// paragraph a passage.
struct TrainingDataReport {
  std::size_t questions = 0;      ///< in the files, less those of in_validation
  std::size_t held_out = 0;       ///< that are scored: set aside, or of the validation data
  std::size_t in_validation = 0;  ///< left out: their passage is in the validation data too
  std::size_t paragraphs = 0;     ///< trained on
  std::size_t windows = 0;        ///< of these paragraphs
  std::size_t pairs =
      0;  ///< question (kChoice: with an option) and window: what an epoch trains on
  std::size_t pairs_no_answer = 0;
  std::size_t moved_answers = 0;   ///< text was not at its start; the nearest occurrence is used
  std::size_t lost_answers = 0;    ///< text is nowhere in the passage; question dropped
  std::size_t without_answer = 0;  ///< no answer or label given and not marked impossible; dropped
  std::size_t split_answers = 0;   ///< no window holds the whole answer; question dropped
  std::size_t cut_questions = 0;   ///< longer than max_question_tokens
  std::size_t cut_passages = 0;    ///< of kinds that read one window: longer than window_tokens
};

/// Mean losses of a step; a loss that is not computed is absent.
struct StepLosses {
  double total = 0;
  std::optional<double> task;
  std::optional<double> kd;
  std::optional<double> lrs;
};

struct TrainingProgress {
  std::uint64_t step = 0;   ///< done
  std::uint64_t steps = 0;  ///< in all
  double epoch = 0;
  StepLosses losses;
  double learning_rate = 0;
  double tokens_per_second = 0;  ///< joint tokens, over the last steps
  double seconds_left = 0;
};

/// How far the teacher's answers are (TrainingOptions::teacher_answers).
struct TeacherProgress {
  std::size_t examples = 0;      ///< answered, by earlier runs too
  std::size_t of = 0;            ///< in all
  double tokens_per_second = 0;  ///< joint tokens, in this run
};

/// Score of the held-out questions or the validation data, in percent. Which numbers there are
/// depends on the kind.
struct TrainingScore {
  std::uint64_t step = 0;
  int split_layer = 0;
  std::optional<double> exact = {};     ///< span: exact match
  std::optional<double> f1 = {};        ///< span: of tokens; QQP: of the label "duplicate"
  std::optional<double> accuracy = {};  ///< classes and choices

  /// The number that decides which model is best: accuracy where there is one, else F1.
  [[nodiscard]] double main() const { return accuracy ? *accuracy : f1.value_or(0); }
};

/// How far one score is: examples of the held-out questions or the validation data.
struct ScoringProgress {
  std::size_t examples = 0;
  std::size_t of = 0;
};

/// What a hook throws ends the run, and leaves it as it was thrown.
struct TrainingHooks {
  std::function<void(const TrainingDataReport&)> on_data = nullptr;
  std::function<void(const TeacherProgress&)> on_teacher = nullptr;
  std::function<void(const TrainingProgress&)> on_step = nullptr;
  std::function<void(const ScoringProgress&)> on_scoring = nullptr;  ///< between two batches
  std::function<void(const TrainingScore&)> on_score = nullptr;
  /// Set from a signal handler or another thread: training writes a checkpoint after the step under
  /// way and returns. A score under way is left undone, unless other processes wait for it; the run
  /// that goes on begins with it.
  const std::atomic<bool>* stop = nullptr;

  [[nodiscard]] bool stop_wanted() const noexcept { return stop != nullptr && stop->load(); }
};

struct TrainingResult {
  bool finished = false;  ///< false: stopped early, to be continued with `resume`
  std::uint64_t steps = 0;
  double seconds = 0;  ///< of all runs together
  TrainingDataReport data;
  std::vector<TrainingScore> scores;  ///< of this run
  std::optional<TrainingScore> best;  ///< of all runs
};

/// Trains a model. Not safe for concurrent calls; one process trains one model, or several
/// processes one model together (docs/training.md).
///
/// What it writes into the output directory:
///   config.json, model.safetensors, tokenizer   the model: the best by the held-out questions or
///                                               the validation data (averaged over the split
///                                               layers), the last where there are none
///   last/                                       the model as it was at the last evaluation or end
///   training/state.safetensors                  weights, optimiser, position: what resume reads
///   training/log.jsonl                          losses, rate, speed, scores (docs/training.md)
/// All but the log are replaced as wholes.
class DEFORMER_EXPORT Trainer {
 public:
  /// `base_dir`: a model directory; its head may be absent, or of another kind or other labels, and
  /// then starts at random.
  /// `teacher_dir`: a model for the same kind of answer, run at split layer 0; needed when kd or
  /// lrs has a weight, else it must be empty. With lrs it has the base's layers and width; without
  /// TrainingOptions::teacher_answers its architecture and tokenizer too. Throws kInvalidArgument
  /// for options that contradict each other, kIncompatible for a teacher that does not fit (run()
  /// may find that its tokenizer does not), kNotFound, kCorrupt, kUnsupported.
  Trainer(const std::filesystem::path& base_dir, const std::filesystem::path& teacher_dir,
          std::filesystem::path output_dir, TrainingOptions options);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Trains on all examples of `files` that have a target; of kChoice all have equally many
  /// options. To be called once: another object with `resume` goes on. Throws kInvalidArgument for
  /// data of another kind or with a label that the model lacks, when no example is left or the loss
  /// stops being a number (naming step and questions), when the output directory is the base's or
  /// the teacher's, or holds a run or a model and `resume` is not asked for; kNotFound when it is
  /// and there is no run; kIncompatible when that run belongs to another base, other options or
  /// data, or a file of teacher's answers to another teacher, layout, precision or data; kIo
  /// and kResourceExhausted when something cannot be written: the last checkpoint stays.
  TrainingResult run(std::vector<Dataset> files, const TrainingHooks& hooks = {});

  /// The same, scored on `validation` in place of questions held out of `files` (empty: as above).
  /// Examples of `files` on a text that the validation data hold are left out. Throws
  /// kInvalidArgument also for validation data of another kind, without targets, or beside
  /// held_out_questions.
  TrainingResult run(std::vector<Dataset> files, std::vector<Dataset> validation,
                     const TrainingHooks& hooks);

  /// What is trained.
  [[nodiscard]] TaskKind task() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace deformer
