// The answer step of span questions.
#include <deformer/model.h>
#include <deformer/span_qa.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "calls.h"
#include "errors.h"
#include "requests.h"
#include "rooms.h"
#include "texts.h"

namespace deformer::python {
namespace {

Scoring parse_scoring(const std::string& name) {
  if (name == "logits") return Scoring::kLogits;
  if (name == "window_probability") return Scoring::kWindowProbability;
  throw Error(ErrorCode::kInvalidArgument,
              "scoring: expected logits or window_probability, found " + name);
}

void bind_options(nb::module_& module) {
  nb::class_<SequenceLengths>(
      module, "SequenceLengths",
      "Windows that depend on the question, as ordinary (joint) readers are "
      "run: the question is read whole, the passage in windows of what it "
      "leaves. In tokens.")
      .def(
          "__init__",
          [](SequenceLengths* self, int sequence_tokens, int overlap_tokens,
             int max_question_tokens) {
            new (self) SequenceLengths{sequence_tokens, overlap_tokens, max_question_tokens};
          },
          nb::kw_only(), nb::arg("sequence_tokens") = 384, nb::arg("overlap_tokens") = 128,
          nb::arg("max_question_tokens") = 0)
      .def_ro("sequence_tokens", &SequenceLengths::sequence_tokens,
              "Of question and window together, special tokens included")
      .def_ro("overlap_tokens", &SequenceLengths::overlap_tokens,
              "Passage tokens that two neighbouring windows share")
      .def_ro("max_question_tokens", &SequenceLengths::max_question_tokens,
              "Longer questions are cut; 0: they are read whole");
  nb::class_<AnswerOptions>(module, "AnswerOptions", "Which answers a question gets.")
      .def(
          "__init__",
          [](AnswerOptions* self, std::size_t top_k, int max_answer_tokens, bool align_to_words,
             bool allow_no_answer, double no_answer_threshold, const std::string& scoring,
             std::optional<SequenceLengths> sequence) {
            new (self) AnswerOptions{.top_k = top_k,
                                     .max_answer_tokens = max_answer_tokens,
                                     .align_to_words = align_to_words,
                                     .allow_no_answer = allow_no_answer,
                                     .no_answer_threshold = no_answer_threshold,
                                     .scoring = parse_scoring(scoring),
                                     .sequence = sequence};
          },
          nb::kw_only(), nb::arg("top_k") = 1, nb::arg("max_answer_tokens") = 0,
          nb::arg("align_to_words") = true, nb::arg("allow_no_answer") = false,
          nb::arg("no_answer_threshold") = 0.0, nb::arg("scoring") = "logits",
          nb::arg("sequence") = nb::none(),
          "top_k: answers a question, 1 to 1000. max_answer_tokens: longest span; 0: the model's\n"
          "own. align_to_words: answers begin and end where words do. allow_no_answer: \"no "
          "answer\"\n"
          "competes, and wins where its score is above the best span's by more than\n"
          "no_answer_threshold. scoring: \"logits\" (sums of two logits, comparable across "
          "passages)\n"
          "or \"window_probability\" (as transformers' pipeline). sequence: in place of the "
          "model's\n"
          "lengths, joint models only.")
      .def_ro("top_k", &AnswerOptions::top_k)
      .def_ro("max_answer_tokens", &AnswerOptions::max_answer_tokens)
      .def_ro("align_to_words", &AnswerOptions::align_to_words)
      .def_ro("allow_no_answer", &AnswerOptions::allow_no_answer)
      .def_ro("no_answer_threshold", &AnswerOptions::no_answer_threshold)
      .def_prop_ro("scoring",
                   [](const AnswerOptions& options) {
                     return options.scoring == Scoring::kLogits ? "logits" : "window_probability";
                   })
      .def_ro("sequence", &AnswerOptions::sequence);
}

void bind_results(nb::module_& module) {
  nb::class_<Answer>(module, "Answer", "A span of a passage, or \"no answer\".")
      .def_prop_ro(
          "text", [](const Answer& answer) { return from_text(answer.text); },
          "Cut from the passage; empty for no answer")
      .def_prop_ro(
          "passage_id", [](const Answer& answer) { return from_id(answer.passage_id); },
          "As Passage.id; empty for no answer")
      .def_ro("start", &Answer::start, "First character, as Python indexes strings")
      .def_ro("end", &Answer::end, "Character after the last one")
      .def_prop_ro(
          "bytes",
          [](const Answer& answer) { return std::pair(answer.bytes.begin, answer.bytes.end); },
          "The same range in bytes of the UTF-8 text")
      .def_ro("score", &Answer::score, "Start logit + end logit, comparable across passages")
      .def_ro("probability", &Answer::probability, "Over all candidates of the question")
      .def_ro("no_answer", &Answer::no_answer)
      .def("__repr__", [](const Answer& answer) {
        const nb::str form("<deformer.Answer {!r} start={} end={} probability={:.4g}>");
        return nb::str(form.attr("format")(from_text(answer.text), answer.start, answer.end,
                                           answer.probability));
      });
  nb::class_<QaResult>(module, "QaResult", "The answers of a request.")
      .def_ro("id", &QaResult::id)
      .def_prop_ro(
          "answers", [](const QaResult& result) { return result.answers; },
          "Best first; empty when no passage has a token")
      .def_ro("no_answer_score", &QaResult::no_answer_score)
      .def_ro("question_cut", &QaResult::question_cut,
              "The question was longer than the model reads");
}

}  // namespace

void bind_answering(nb::module_& module) {
  bind_options(module);
  bind_results(module);
  nb::class_<QaRequest>(module, "QaRequest", "One question about one or more passages.")
      .def(
          "__init__",
          [](QaRequest* self, const nb::str& question, std::vector<Passage> passages,
             const nb::str& id, std::optional<AnswerOptions> options) {
            new (self) QaRequest{.id = to_utf8("id", id),
                                 .question = to_utf8("question", question),
                                 .passages = std::move(passages),
                                 .options = options};
          },
          nb::arg("question"), nb::arg("passages"), nb::arg("id") = "",
          nb::arg("options") = nb::none(),
          "A passage with an empty text is taken from the store. One with a text is taken from\n"
          "there when the store has the same text under its id, else encoded on the fly.\n"
          "options: in place of the call's.")
      .def_ro("id", &QaRequest::id)
      .def_ro("question", &QaRequest::question);
  nb::class_<SpanQa>(module, "SpanQa", "Answers questions. Safe to use from several threads.")
      .def(
          "__init__",
          [](SpanQa* self, std::shared_ptr<Model> model, std::shared_ptr<PassageStore> store) {
            without_gil([&] { new (self) SpanQa(std::move(model), std::move(store)); });
          },
          nb::arg("model"), nb::arg("store").none() = nb::none())
      .def(
          "answer",
          [](const SpanQa& qa, std::vector<QaRequest> requests,
             const std::optional<AnswerOptions>& options, std::size_t batch_tokens,
             std::optional<double> timeout_s, bool return_errors, const Progress& progress) {
            set_deadlines(requests, timeout_s);
            const BatchOptions batches{batch_tokens, progress_callback(progress)};
            return collect<QaResult>(requests.size(), return_errors, [&](const QaSink& sink) {
              qa.answer_each(requests, sink, options.value_or(AnswerOptions{}), batches);
            });
          },
          nb::arg("requests"), nb::arg("options") = nb::none(), nb::kw_only(),
          nb::arg("batch_tokens") = 4096, nb::arg("timeout_s") = nb::none(),
          nb::arg("return_errors") = false, nb::arg("progress") = nb::none(),
          "One QaResult a request, in order, independent of how requests are grouped.\n\n"
          "batch_tokens: most tokens of question and window together in one pass. timeout_s: "
          "seconds\n"
          "for all of them; a request without its result by then is TimedOutError. return_errors:\n"
          "a request that cannot be answered has its exception in the list, as with\n"
          "asyncio.gather(); else the first one is raised. progress: called with (done, total)\n"
          "requests after each batch. Ctrl-C stops the call there.");
}

}  // namespace deformer::python
