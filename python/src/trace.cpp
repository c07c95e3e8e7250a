// All intermediate states of a question on a passage.
#include <deformer/inspect.h>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "calls.h"
#include "rooms.h"
#include "tensors.h"

namespace deformer::python {
namespace {

nb::dict tensors_of(const std::shared_ptr<Trace>& trace) {
  nb::dict tensors;
  for (TraceTensor& tensor : trace->tensors) {
    const std::vector<std::size_t> shape(tensor.shape.begin(), tensor.shape.end());
    auto* const kept = new std::shared_ptr<Trace>(trace);
    const nb::capsule owner(
        kept, [](void* pointer) noexcept { delete static_cast<std::shared_ptr<Trace>*>(pointer); });
    tensors[tensor.name.c_str()] = nb::cast(TorchTensor(
        tensor.values.data(), shape.size(), shape.data(), owner, nullptr, nb::dtype<float>()));
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
      [](const Model& model, const std::string& question, const std::string& passage,
         std::size_t window) {
        return without_gil(
            [&] { return std::make_shared<Trace>(trace_texts(model, question, passage, window)); });
      },
      nb::arg("model"), nb::arg("question"), nb::arg("passage"), nb::arg("window") = 0,
      "Traces a question on one window of a passage.");
}

}  // namespace deformer::python
