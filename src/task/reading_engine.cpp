#include "task/reading_engine.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "model/head.h"
#include "model/joint.h"
#include "model/model_access.h"
#include "nn/inference_scope.h"
#include "task/abandonment.h"
#include "task/attempt.h"
#include "task/parallel_pass.h"
#include "task/stage_timer.h"
#include "text/windows.h"

namespace deformer {

namespace {

// Passages that are looked up at once at most.
constexpr std::size_t kMostPassagesAtOnce = 64;

// Rows of questions under way, in batches: enough for those who ask about one passage to meet,
// little beside the passages' states.
constexpr std::size_t kBatchesOfQuestions = 4;

std::optional<Error> abandonment(const Reading& reading) {
  return abandonment_of(reading.control(), [&] { return reading.name(); });
}

bool is_waiting(const Asker& asker) {
  return !asker.active->over && !abandonment(*asker.active->reading);
}

// Gives each question without states its own of `fresh`, in order, as a view.
void hand_out(const Encoding& fresh, std::span<QuestionState* const> questions) {
  std::int64_t next = 0;
  for (QuestionState* const question : questions) {
    if (question->hidden.defined()) continue;
    const std::int64_t first = fresh.offsets[static_cast<std::size_t>(next)];
    question->hidden = fresh.hidden.narrow(0, first, fresh.length(next));
    ++next;
  }
}

Encoding states_of(std::span<QuestionState* const> questions) {
  Encoding encoding;
  encoding.offsets.push_back(0);
  std::vector<at::Tensor> states;
  for (const QuestionState* const question : questions) {
    states.push_back(question->hidden);
    encoding.offsets.push_back(encoding.offsets.back() + states.back().size(0));
  }
  encoding.hidden = at::cat(states);
  return encoding;
}

// Places of the passages that share an id that is not empty.
std::map<std::string_view, std::vector<std::size_t>> repeated_ids(
    std::span<const Passage> passages) {
  std::map<std::string_view, std::vector<std::size_t>> places;
  if (passages.size() < 2) return places;
  for (std::size_t place = 0; place < passages.size(); ++place) {
    if (!passages[place].id.empty()) places[passages[place].id].push_back(place);
  }
  std::erase_if(places, [](const auto& entry) { return entry.second.size() < 2; });
  return places;
}

// Where the reading names this passage first, by its id alone or with its text. Which of the names
// is looked up first depends on the others who ask.
std::size_t first_place(const Asker& asker, const ReadyPassage* passage) {
  if (passage == nullptr) return asker.place;
  const auto repeated = asker.active->repeated_ids.find(passage->encoded->id);
  if (repeated == asker.active->repeated_ids.end()) return asker.place;
  const std::span<const Passage> passages = asker.active->reading->passages();
  const auto names_it = [&](std::size_t place) {
    const std::string& text = passages[place].text;
    return text.empty() ? passage->origin == StatesOrigin::kStored : text == passage->encoded->text;
  };
  const auto first = std::find_if(repeated->second.begin(), repeated->second.end(), names_it);
  return first == repeated->second.end() ? asker.place : *first;
}

Error lacking(const Reading& reading, const char* what, const char* expected) {
  return {ErrorCode::kInvalidArgument,
          reading.name() + ": " + what + ": expected " + expected + ", found none"};
}

}  // namespace

ReadingEngine::ReadingEngine(const Model& model, const PassageStore* store, ReadingOptions options)
    : model_(model),
      layout_(ModelAccess::layout(model)),
      options_(std::move(options)),
      source_(model, store, options_.batch_tokens, &times_),
      question_special_tokens_(layout_.question({}).ids.size()),
      passage_special_tokens_(static_cast<std::size_t>(layout_.passage_special_tokens())),
      pipeline_([this](RunningBatch& batch, const nn::HostCopy& logits) {
        finish_batch(batch, logits);
      }) {}

ReadingEngine::~ReadingEngine() = default;

std::vector<PreparedQuestion> ReadingEngine::prepare(const Reading& reading) const {
  const SequenceLengths* const lengths = reading.lengths();
  const int most =
      lengths != nullptr ? lengths->max_question_tokens : model_.config().split.max_question_tokens;
  std::vector<PreparedQuestion> questions;
  for (const std::string& text : reading.questions()) {
    questions.push_back(prepare_question(model_.tokenizer(), most, text));
  }
  return questions;
}

void ReadingEngine::add(std::shared_ptr<Reading> reading) {
  std::vector<PreparedQuestion> questions;
  std::optional<Error> error;
  {
    const StageTimer timer(&times_, &StageTimes::tokenize);
    error = attempt([&] { questions = prepare(*reading); });
  }
  if (error) {
    ++finished_;
    reading->fail(*error);
    return;
  }
  add(std::move(reading), std::move(questions));
}

void ReadingEngine::add(std::shared_ptr<Reading> reading, std::vector<PreparedQuestion> questions) {
  if (const auto error = fault_of(*reading, questions)) {
    ++finished_;
    reading->fail(*error);
    return;
  }
  const auto active = std::make_shared<ActiveReading>();
  active->reading = std::move(reading);
  const std::span<const Passage> passages = active->reading->passages();
  std::size_t asked = 0;
  for (std::size_t place = 0; place < passages.size(); ++place) {
    std::vector<Asker>& askers = waiting_.of(passages[place]).askers;
    // A passage that a request names twice counts once.
    if (!askers.empty() && askers.back().active == active) continue;
    askers.push_back({active, place});
    ++asked;
  }
  active->repeated_ids = repeated_ids(passages);
  active->pairs_left = asked * questions.size();
  for (PreparedQuestion& question : questions) {
    active->rows += question.ids.size() + question_special_tokens_;
    active->questions.push_back({std::move(question), {}, asked});
  }
  question_rows_ += active->rows;
  active_.push_back(active);
}

std::optional<Error> ReadingEngine::fault_of(const Reading& reading,
                                             std::span<const PreparedQuestion> questions) const {
  if (questions.empty()) return lacking(reading, "choices", "at least one");
  const bool blank = std::any_of(questions.begin(), questions.end(),
                                 [](const auto& question) { return question.ids.empty(); });
  if (blank && !options_.blank_texts) return lacking(reading, "question", "at least one token");
  if (reading.passages().empty()) return lacking(reading, "passages", "at least one");
  return std::nullopt;
}

bool ReadingEngine::is_full() const noexcept {
  return question_rows_ >= kBatchesOfQuestions * options_.batch_tokens;
}

bool ReadingEngine::run_batch() {
  const nn::InferenceScope inference;
  drop_abandoned();
  RunningBatch batch{next_batch(), {}};
  const bool some = !batch.windows.empty();
  if (some) {
    start(std::move(batch));
  } else {
    pipeline_.drain();
  }
  forget_ended();
  return some;
}

// Has the batch computed. A passage at fault ends those who ask about it; the others' turn comes
// again, with the next batch.
void ReadingEngine::start(RunningBatch batch) {
  std::optional<nn::HostCopy> logits;
  const ReadyPassage* at_fault = nullptr;  // null: the fault is everybody's
  const auto error = attempt([&] {
    try {
      logits = compute(batch);
    } catch (const PassageFault& fault) {
      at_fault = fault.passage();
      throw;
    }
  });
  if (!error) {
    pipeline_.push(std::move(batch), *std::move(logits));
    return;
  }
  for (const WindowOfPair& each : batch.windows) {
    const bool concerned = at_fault == nullptr || each.pair->passage.get() == at_fault;
    if (concerned) end(each.pair->active, &*error);
  }
  put_back(batch.windows);
}

// Windows that take_batch() gave, to where they were. Those of readings that are over are dropped.
void ReadingEngine::put_back(std::span<WindowOfPair> windows) {
  for (auto each = windows.rbegin(); each != windows.rend(); ++each) {
    if (each->pair->active->over) continue;
    const std::size_t rows = joint_rows(*each->pair, each->window);
    ++each->pair->state().windows_left;
    ready_tokens_ += rows;
    joint_tokens_ -= rows;
    ready_.push_front(std::move(*each));
  }
}

void ReadingEngine::forget_ended() {
  std::erase_if(active_, [](const auto& active) { return active->over; });
}

void ReadingEngine::abandon(const std::function<Error(const Reading&)>& error_of) {
  while (!active_.empty()) {
    const std::shared_ptr<ActiveReading> active = active_.back();
    const Error error = error_of(*active->reading);
    end(active, &error);
    active_.pop_back();
  }
  ready_.clear();
  ready_tokens_ = 0;
  waiting_ = {};
  question_rows_ = 0;
}

void ReadingEngine::drop_abandoned() {
  for (const auto& active : active_) {
    if (active->over) continue;
    if (const auto error = abandonment(*active->reading)) end(active, &*error);
  }
  forget_ended();
}

// With its error, or with all its pairs.
void ReadingEngine::end(const std::shared_ptr<ActiveReading>& active, const Error* error) {
  if (std::exchange(active->over, true)) return;
  question_rows_ -= active->rows;
  ++finished_;
  for (QuestionState& question : active->questions) question.hidden.reset();
  if (error != nullptr) {
    active->reading->fail(*error);
  } else if (const auto fault = attempt([&] { active->reading->finish(); })) {
    active->reading->fail(*fault);
  }
}

bool ReadingEngine::is_blank(const Passage& passage) const {
  return options_.blank_texts && passage.id.empty() && passage.text.empty();
}

void ReadingEngine::look_up_portion() {
  const std::vector<Group> groups =
      waiting_.take(kMostPassagesAtOnce, kBytesPerToken * options_.batch_tokens,
                    kBytesPerToken * source_.expected_tokens());
  std::vector<const Passage*> wanted;
  std::vector<const Group*> asking;  // for the wanted ones
  std::vector<std::size_t> places;   // of the groups among the wanted ones
  for (const Group& group : groups) {
    const bool asked = !is_blank(*group.passage) &&
                       std::any_of(group.askers.begin(), group.askers.end(),
                                   [](const Asker& asker) { return !asker.active->over; });
    places.push_back(asked ? wanted.size() : static_cast<std::size_t>(-1));
    if (!asked) continue;
    wanted.push_back(group.passage);
    asking.push_back(&group);
  }
  // A long passage is many batches of its own.
  const auto is_wanted = [&](std::size_t i) {
    drop_abandoned();  // whoever's turn it is
    return std::any_of(asking[i]->askers.begin(), asking[i]->askers.end(), is_waiting);
  };
  std::vector<ReadyPassage> found;
  if (const auto error = attempt([&] { found = source_.resolve(wanted, is_wanted); })) {
    for (const Group* const group : asking) {
      for (const Asker& asker : group->askers) end(asker.active, &*error);
    }
  }
  // With their own errors, before they get that of a passage for which nobody waits.
  drop_abandoned();
  queue_portion(groups, places, std::move(found));
}

void ReadingEngine::queue_portion(std::span<const Group> groups,
                                  std::span<const std::size_t> places,
                                  std::vector<ReadyPassage> found) {
  const auto portion = std::make_shared<const std::vector<ReadyPassage>>(std::move(found));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::shared_ptr<const ReadyPassage> passage;  // keeps the portion alive
    if (places[i] < portion->size()) passage = {portion, &(*portion)[places[i]]};
    FittedPassages fitted;
    for (const Asker& asker : groups[i].askers) queue_asker(asker, passage, fitted);
  }
}

void ReadingEngine::queue_asker(const Asker& asker,
                                const std::shared_ptr<const ReadyPassage>& passage,
                                FittedPassages& fitted) {
  if (passage && passage->error) {
    end(asker.active, &*passage->error);
  } else if (!asker.active->over && !skip_repeated(asker, passage.get())) {
    queue_pairs({asker.active, first_place(asker, passage.get())}, passage, fitted);
  }
}

// A passage that a request names by its id, and by id and text, is one passage.
bool ReadingEngine::skip_repeated(const Asker& asker, const ReadyPassage* passage) {
  ActiveReading& active = *asker.active;
  if (passage == nullptr || !active.repeated_ids.contains(passage->encoded->id)) return false;
  const EncodedPassage& encoded = *passage->encoded;
  if (active.read.insert({encoded.id, content_id(encoded.text)}).second) return false;
  for (QuestionState& question : active.questions) --question.windows_left;
  active.pairs_left -= active.questions.size();
  if (active.pairs_left == 0) end(asker.active, nullptr);
  return true;
}

void ReadingEngine::queue_pairs(const Asker& asker, std::shared_ptr<const ReadyPassage> passage,
                                FittedPassages& fitted) {
  // Texts without a token have no window.
  if (options_.blank_texts && passage && passage->encoded->windows.empty()) passage = nullptr;
  for (std::size_t question = 0; question < asker.active->questions.size(); ++question) {
    if (asker.active->over) return;
    const auto pair = std::make_shared<PairState>();
    pair->active = asker.active;
    pair->question = question;
    pair->place = asker.place;
    if (const auto error = attempt([&] { pair->passage = fit(*pair, passage, fitted); })) {
      end(asker.active, &*error);
      return;
    }
    const std::size_t windows = pair->passage ? pair->passage->encoded->windows.size() : 1;
    pair->windows.resize(windows);
    pair->windows_left = windows;
    pair->state().windows_left = pair->state().windows_left + windows - 1;
    for (std::size_t window = 0; window < windows; ++window) {
      ready_.push_back({pair, window});
      ready_tokens_ += joint_rows(*pair, window);
    }
    if (windows == 0) finish_pair(*pair);
  }
}

// The passage in the windows that the pair's question leaves, where the reading has lengths of its
// own. Questions that leave as much share it: it holds a copy of the text.
std::shared_ptr<const ReadyPassage> ReadingEngine::fit(const PairState& pair,
                                                       std::shared_ptr<const ReadyPassage> passage,
                                                       FittedPassages& fitted) const {
  const Reading& reading = *pair.active->reading;
  const SequenceLengths* const lengths = reading.lengths();
  if (lengths == nullptr || passage == nullptr) return passage;
  const std::int64_t room = lengths->sequence_tokens - std::ssize(pair.state().prepared.ids) -
                            static_cast<std::int64_t>(question_special_tokens_) -
                            static_cast<std::int64_t>(passage_special_tokens_);
  const std::int64_t tokens = std::ssize(passage->ids);
  if (tokens > room && room <= lengths->overlap_tokens) {
    throw Error(ErrorCode::kInvalidArgument,
                reading.name() + ": question: expected one that leaves more than " +
                    std::to_string(lengths->overlap_tokens) + " (overlap_tokens) of " +
                    std::to_string(lengths->sequence_tokens) +
                    " tokens (sequence_tokens) to the passage, found " +
                    std::to_string(std::max<std::int64_t>(room, 0)) + " left");
  }
  // A passage that fits has one window, whatever the overlap.
  const std::int64_t step =
      tokens > room ? room - lengths->overlap_tokens : std::max<std::int64_t>(room, 1);
  std::shared_ptr<const ReadyPassage>& shared = fitted[{room, step}];
  if (shared) return shared;
  std::vector<Window> windows =
      make_windows(passage->ids.size(), std::max<std::int64_t>(room, 1), step);
  if (windows == passage->encoded->windows) return shared = passage;
  auto own = std::make_shared<ReadyPassage>();  // what it finds in its text is its own
  own->ids = passage->ids;
  own->origin = passage->origin;
  EncodedPassage encoded = *passage->encoded;
  encoded.windows = std::move(windows);
  own->encoded = std::make_shared<const EncodedPassage>(std::move(encoded));
  return shared = std::move(own);
}

std::size_t ReadingEngine::passage_rows(const PairState& pair, std::size_t window) const {
  const std::size_t tokens =
      pair.passage == nullptr ? 0 : pair.passage->encoded->windows[window].num_tokens;
  return tokens + passage_special_tokens_;
}

std::size_t ReadingEngine::joint_rows(const PairState& pair, std::size_t window) const {
  return pair.state().prepared.ids.size() + question_special_tokens_ + passage_rows(pair, window);
}

// Empty: nothing is ready and nothing waits. What is ready may all be of readings that are over by
// now, and fill more than a batch.
std::vector<WindowOfPair> ReadingEngine::next_batch() {
  std::vector<WindowOfPair> batch;
  do {
    while (ready_tokens_ <= options_.batch_tokens && !waiting_.empty()) look_up_portion();
    batch = take_batch();
  } while (batch.empty() && !waiting_.empty());
  return batch;
}

std::vector<WindowOfPair> ReadingEngine::take_batch() {
  std::vector<WindowOfPair> batch;
  std::size_t tokens = 0;
  while (!ready_.empty()) {
    WindowOfPair& next = ready_.front();
    const std::size_t rows = joint_rows(*next.pair, next.window);
    const bool over = next.pair->active->over;
    if (!over && !batch.empty() && tokens + rows > options_.batch_tokens) break;
    ready_tokens_ -= rows;
    if (!over) {
      tokens += rows;
      --next.pair->state().windows_left;
      batch.push_back(std::move(next));
    }
    ready_.pop_front();
  }
  joint_tokens_ += tokens;
  return batch;
}

// [outputs, rows]; fills the batch's offsets.
nn::HostCopy ReadingEngine::compute(RunningBatch& batch) {
  ++batches_;
  std::vector<SegmentPair> pairs(batch.windows.size());
  const Encoding questions = lower_questions(batch.windows, pairs);
  const Encoding passages = lower_passages(batch.windows, pairs);
  const StageTimer timer(&times_, &StageTimes::upper);
  const Head& head = *ModelAccess::head(model_);
  Encoding joint = upper_in_parts(model_, {questions, passages, pairs, head.rows()});
  nn::HostCopy logits(head.logits(joint.hidden).t().contiguous());
  keep_questions(batch.windows);
  batch.offsets = std::move(joint.offsets);
  return logits;
}

// States of the batch's questions, each once unless they depend on the passage; fills the pairs'
// question indices.
Encoding ReadingEngine::lower_questions(std::span<const WindowOfPair> batch,
                                        std::vector<SegmentPair>& pairs) {
  const StageTimer timer(&times_, &StageTimes::lower);
  const bool own = layout_.question_depends_on_passage();
  std::map<const QuestionState*, std::int64_t> places;
  std::vector<QuestionState*> states;  // by question of the encoding
  std::vector<Segment> segments;       // of those that have yet to be computed
  for (std::size_t i = 0; i < batch.size(); ++i) {
    QuestionState& state = batch[i].pair->state();
    const auto [place, added] = places.emplace(&state, std::ssize(states));
    pairs[i].question = own ? std::ssize(states) : place->second;
    if (!added && !own) continue;
    states.push_back(&state);
    if (state.hidden.defined() && !own) continue;
    const auto rows = static_cast<std::int64_t>(passage_rows(*batch[i].pair, batch[i].window));
    segments.push_back(layout_.question(state.prepared.ids, rows));
  }
  Encoding fresh;
  if (!segments.empty()) fresh = lower_in_parts(model_, segments);
  if (own) return fresh;
  hand_out(fresh, states);
  return segments.size() == states.size() ? fresh : states_of(states);
}

// States of the batch's windows, each once unless they depend on the question, then those of blank
// texts; fills the pairs' passage indices.
Encoding ReadingEngine::lower_passages(std::span<const WindowOfPair> batch,
                                       std::vector<SegmentPair>& pairs) const {
  const bool shared = !layout_.passage_depends_on_question();
  std::map<std::pair<const ReadyPassage*, std::size_t>, std::int64_t> places;
  std::vector<WindowRequest> windows;
  std::vector<Segment> blanks;
  std::vector<std::size_t> blank_pairs;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto& [pair, window] = batch[i];
    const auto question_rows =
        static_cast<std::int64_t>(pair->state().prepared.ids.size() + question_special_tokens_);
    if (pair->passage == nullptr) {
      blank_pairs.push_back(i);
      blanks.push_back(layout_.passage({}, question_rows));
      continue;
    }
    const std::pair key{pair->passage.get(), window};
    const auto [place, added] = places.emplace(key, std::ssize(windows));
    pairs[i].passage = shared ? place->second : std::ssize(windows);
    if (added || !shared) windows.push_back({pair->passage.get(), window, question_rows});
  }
  for (std::size_t i = 0; i < blank_pairs.size(); ++i) {
    pairs[blank_pairs[i]].passage = static_cast<std::int64_t>(windows.size() + i);
  }
  if (blanks.empty()) return source_.lower(windows);
  Encoding lowered = lower_in_parts(model_, blanks);
  if (windows.empty()) return lowered;
  std::array<Encoding, 2> encodings{source_.lower(windows), std::move(lowered)};
  if (encodings[0].projections.defined()) {
    // Without its own the blank texts would cost the others theirs, which a store has rounded.
    encodings[1].projections = model_.encoder().project(encodings[1].hidden);
  }
  return concatenate(encodings);
}

// Of a batch's questions the next batches want some: those states are copied, because as views they
// would hold the whole batch's.
void ReadingEngine::keep_questions(std::span<const WindowOfPair> batch) {
  for (const WindowOfPair& each : batch) {
    QuestionState& state = each.pair->state();
    if (!state.hidden.defined()) continue;
    if (state.windows_left == 0) {
      state.hidden.reset();
    } else if (state.hidden.storage().nbytes() > state.hidden.nbytes()) {
      state.hidden = state.hidden.clone();
    }
  }
}

void ReadingEngine::finish_batch(RunningBatch& batch, const nn::HostCopy& running) {
  at::Tensor logits;
  std::optional<Error> error;
  {
    const StageTimer timer(&times_, &StageTimes::upper);
    error = attempt([&] { logits = running.wait(); });
  }
  const StageTimer timer(&times_, &StageTimes::decode);
  for (std::size_t i = 0; i < batch.windows.size(); ++i) {
    PairState& pair = *batch.windows[i].pair;
    if (error) end(pair.active, &*error);
    if (pair.active->over) continue;
    const auto rows = static_cast<std::size_t>(batch.offsets[i + 1] - batch.offsets[i]);
    WindowOutputs& window = pair.windows[batch.windows[i].window];
    window.rows = rows;
    for (std::int64_t output = 0; output < logits.size(0); ++output) {
      const float* const first =
          logits.const_data_ptr<float>() + output * logits.size(1) + batch.offsets[i];
      window.values.insert(window.values.end(), first, first + rows);
    }
    if (--pair.windows_left > 0) continue;
    // It may have been given up, or its time may have run out, while the batch ran.
    if (const auto late = abandonment(*pair.active->reading)) {
      end(pair.active, &*late);
    } else {
      finish_pair(pair);
    }
  }
  if (options_.on_batch) options_.on_batch();
}

void ReadingEngine::finish_pair(PairState& pair) {
  ActiveReading& active = *pair.active;
  const ReadPair read{.question = pair.question,
                      .place = pair.place,
                      .question_cut = pair.state().prepared.cut,
                      .passage = pair.passage.get(),
                      .windows = pair.windows};
  const auto error = attempt([&] { active.reading->take(read); });
  pair.windows.clear();
  if (error) {
    end(pair.active, &*error);
  } else if (--active.pairs_left == 0) {
    end(pair.active, nullptr);
  }
}

}  // namespace deformer
