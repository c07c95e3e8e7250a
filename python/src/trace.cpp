// All intermediate states of a question on a passage.
#include <deformer/inspect.h>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <memory>

#include "calls.h"
#include "rooms.h"
#include "tensors.h"
#include "texts.h"

namespace deformer::python {
namespace {

nb::dict tensors_of(const std::shared_ptr<Trace>& trace) {
  nb::dict tensors;
  for (const TraceTensor& tensor : trace->tensors) {
    tensors[tensor.name.c_str()] =
        nb::cast(share_tensor(tensor.values.data(), {tensor.shape.begin(), tensor.shape.end()},
                              nb::dtype<float>(), trace));
  }
  return tensors;
}

}  // namespace

void bind_trace(nb::module_& module) {
  nb::class_<Trace>(module, "Trace", "What a model computed. Without padding: one row a token.")
      .def_ro("question_ids", &Trace::question_ids, "With special tokens")
      .def_ro("passage_ids", &Trace::passage_ids, "With special tokens")
      .def_ro("windows", &Trace::windows, "Of the whole passage; one of them is traced")
      .def_ro("question_cut", &Trace::question_cut)
      .def_prop_ro(
          "tensors", &tensors_of, nb::sig("def tensors(self) -> dict[str, torch.Tensor]"),
          "float32 tensors by name, in the order of computation, sharing memory with the trace:\n"
          "lower.question.embeddings, lower.question.LAYER [question tokens, hidden_size];\n"
          "lower.passage.embeddings, lower.passage.LAYER [passage tokens, hidden_size];\n"
          "upper.LAYER [joint tokens, hidden_size]; logits.start, logits.end [joint tokens].");
  module.def(
      "trace",
      [](const Model& model, const nb::str& question, const nb::str& passage, std::size_t window) {
        return without_gil(
            [&, question = to_utf8("question", question), passage = to_utf8("passage", passage)] {
              return std::make_shared<Trace>(trace_texts(model, question, passage, window));
            });
      },
      nb::arg("model"), nb::arg("question"), nb::arg("passage"), nb::arg("window") = 0,
      "Traces a question on one window of a passage.");
}

}  // namespace deformer::python
