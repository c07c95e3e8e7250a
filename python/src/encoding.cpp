// The encode step.
#include <deformer/model.h>
#include <deformer/passage_encoder.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <vector>

#include "calls.h"
#include "rooms.h"

namespace deformer::python {
namespace {

EncodeOptions to_options(std::size_t batch_tokens, const std::string& codec, bool projections,
                         const Progress& progress) {
  return {.batch_tokens = batch_tokens,
          .codec = parse_hidden_codec(codec),
          .projections = projections,
          .progress = progress_callback(progress)};
}

}  // namespace

void bind_encoding(nb::module_& module) {
  nb::class_<EncodeReport>(module, "EncodeReport", "What an encode step has done.")
      .def_ro("encoded", &EncodeReport::encoded, "Passages that went through the lower layers")
      .def_ro("reused", &EncodeReport::reused, "Passages that were there with the same text")
      .def_ro("tokens", &EncodeReport::tokens, "Rows computed, special tokens included")
      .def("__repr__", [](const EncodeReport& report) {
        return "<deformer.EncodeReport encoded=" + std::to_string(report.encoded) +
               " reused=" + std::to_string(report.reused) +
               " tokens=" + std::to_string(report.tokens) + ">";
      });
  nb::class_<PassageEncoder>(module, "PassageEncoder",
                             "Encodes passages into a store, once. Safe to use from several "
                             "threads.")
      .def(
          "__init__",
          [](PassageEncoder* self, std::shared_ptr<Model> model,
             std::shared_ptr<PassageStore> store) {
            // It may be the first to ask for the model's fingerprint, a hash over its weights.
            without_gil([&] { new (self) PassageEncoder(std::move(model), std::move(store)); });
          },
          nb::arg("model"), nb::arg("store"))
      .def(
          "encode",
          [](const PassageEncoder& encoder, const std::vector<Passage>& passages,
             std::size_t batch_tokens, const std::string& codec, bool projections,
             const Progress& progress) {
            const EncodeOptions options = to_options(batch_tokens, codec, projections, progress);
            return without_gil([&] { return encoder.encode(passages, options); });
          },
          nb::arg("passages"), nb::kw_only(), nb::arg("batch_tokens") = 4096,
          nb::arg("codec") = "fp32", nb::arg("projections") = false,
          nb::arg("progress") = nb::none(),
          "Encodes each passage that the store lacks or holds with another text.\n\n"
          "batch_tokens: most tokens of one pass. codec: how states are kept, \"fp32\", \"fp16\" "
          "or\n"
          "\"int8\". projections: keep more, for faster answers. progress: called with (done, "
          "total)\n"
          "passages: first with what the store had already, then after each batch; not at all for "
          "an\n"
          "empty list. Ctrl-C stops it there; what is stored stays.");
  module.def(
      "encode_passages",
      [](const Model& model, const std::vector<Passage>& passages, std::size_t batch_tokens,
         const std::string& codec, bool projections, const Progress& progress) {
        const EncodeOptions options = to_options(batch_tokens, codec, projections, progress);
        return without_gil([&] { return encode_passages(model, passages, options); });
      },
      nb::arg("model"), nb::arg("passages"), nb::kw_only(), nb::arg("batch_tokens") = 4096,
      nb::arg("codec") = "fp32", nb::arg("projections") = false, nb::arg("progress") = nb::none(),
      "The same without a store: one EncodedPassage a passage, in order. progress: after each "
      "batch.");
}

}  // namespace deformer::python
