// Passages, encoded passages and their stores.
#include <deformer/error.h>
#include <deformer/model.h>
#include <deformer/passage_encoder.h>
#include <deformer/passage_store.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "calls.h"
#include "rooms.h"
#include "tensors.h"
#include "texts.h"

namespace deformer::python {
namespace {

nb::dlpack::dtype type_of(HiddenCodec codec) {
  switch (codec) {
    case HiddenCodec::kFp32:
      return nb::dtype<float>();
    case HiddenCodec::kFp16:
      return {static_cast<std::uint8_t>(nb::dlpack::dtype_code::Float), 16, 1};
    case HiddenCodec::kInt8:
      return nb::dtype<std::int8_t>();
  }
  throw Error(ErrorCode::kInternal, "hidden codec: unknown");
}

TorchTensor values_of(const HiddenStates& states) {
  return share_tensor(states.values.data(), {states.rows, states.hidden_size},
                      type_of(states.codec), states.owner);
}

std::optional<TorchTensor> scales_of(const HiddenStates& states) {
  if (states.scales.empty()) return std::nullopt;
  return share_tensor(states.scales.data(), {states.scales.size()}, nb::dtype<float>(),
                      states.owner);
}

void bind_passages(nb::module_& module) {
  nb::class_<Passage>(
      module, "Passage",
      "A text that questions are asked about, under the caller's own id: not empty, "
      "at most 500 bytes. With an empty text it stands for the stored passage of "
      "that id.")
      .def(
          "__init__",
          [](Passage* self, const nb::str& id, const nb::str& text) {
            new (self) Passage{to_id("id", id), to_utf8("text", text)};
          },
          nb::arg("id"), nb::arg("text") = "")
      .def_prop_rw(
          "id", [](const Passage& passage) { return from_id(passage.id); },
          [](Passage& passage, const nb::str& id) { passage.id = to_id("id", id); },
          "Bytes that are no UTF-8 are single surrogates, as in os.fsdecode()")
      .def_prop_rw(
          "text", [](const Passage& passage) { return passage.text; },
          [](Passage& passage, const nb::str& text) { passage.text = to_utf8("text", text); })
      .def("__repr__", [](const Passage& passage) {
        const nb::str form("<deformer.Passage {}, {} bytes>");
        return nb::str(form.attr("format")(from_text(passage.id), passage.text.size()));
      });
}

void bind_encoded_passages(nb::module_& module) {
  nb::class_<EncodedPassage>(
      module, "EncodedPassage",
      "All that an answer needs from a passage. Read-only: its tensors share "
      "memory with the store. With an LMDB store that memory is the mapped "
      "file, and writing to it ends the process.")
      .def_prop_ro(
          "id", [](const EncodedPassage& passage) { return from_id(passage.id); },
          "Bytes that are no UTF-8 are single surrogates, as in os.fsdecode()")
      .def_prop_ro(
          "text", [](const EncodedPassage& passage) { return from_text(passage.text); },
          "A byte that is no UTF-8 is U+FFFD")
      .def_prop_ro(
          "spans",
          [](const EncodedPassage& passage) {
            std::vector<std::pair<std::uint32_t, std::uint32_t>> spans;
            for (const ByteSpan& span : passage.spans) spans.emplace_back(span.begin, span.end);
            return spans;
          },
          "(begin, end) of each token, in bytes of the UTF-8 text")
      .def_prop_ro(
          "windows",
          [](const EncodedPassage& passage) {
            std::vector<std::pair<std::uint32_t, std::uint32_t>> windows;
            for (const Window& window : passage.windows) {
              windows.emplace_back(window.first_token, window.num_tokens);
            }
            return windows;
          },
          "(first_token, num_tokens) of each window, before special tokens")
      .def_prop_ro(
          "codec", [](const EncodedPassage& passage) { return to_string(passage.hidden.codec); },
          "\"fp32\", \"fp16\" or \"int8\"")
      .def_prop_ro(
          "hidden", [](const EncodedPassage& passage) { return values_of(passage.hidden); },
          nb::rv_policy::automatic,
          "States after the lower layers, torch tensor [rows, hidden_size] of the codec's type\n"
          "(float32, float16 or int8). The windows one after the other, each with its special "
          "tokens.")
      .def_prop_ro(
          "scales", [](const EncodedPassage& passage) { return scales_of(passage.hidden); },
          nb::rv_policy::automatic,
          "With codec int8 a float32 tensor [rows], by which `hidden` is to be multiplied; else "
          "None");
}

void bind_info(nb::module_& module) {
  nb::class_<StoreInfo>(module, "StoreInfo", "What a store says about itself.")
      .def_ro("uri", &StoreInfo::uri, "Without its password")
      .def_ro("engine", &StoreInfo::engine, "\"memory\", \"lmdb\" or \"redis\"")
      .def_ro("version", &StoreInfo::version)
      .def_prop_ro("fingerprint", [](const StoreInfo& info) { return to_string(info.fingerprint); })
      .def_ro("passages", &StoreInfo::passages)
      .def_ro("file_bytes", &StoreInfo::file_bytes, "On disk; None where the engine does not know")
      .def_prop_ro("note", [](const StoreInfo& info) { return from_text(info.note); });
}

std::vector<std::optional<EncodedPassage>> get(const PassageStore& store,
                                               const std::vector<nb::str>& ids) {
  return without_gil([&store, wanted = to_ids("ids", ids)] {
    std::vector<std::optional<EncodedPassage>> found;
    for (const auto& passage : store.get(wanted)) {
      found.push_back(passage ? std::optional(*passage) : std::nullopt);
    }
    return found;
  });
}

nb::typed<nb::list, nb::str> list_ids(const PassageStore& store, const nb::str& after,
                                      std::size_t limit) {
  const std::vector<std::string> ids =
      without_gil([&, begin = to_id("after", after)] { return store.list_ids(begin, limit); });
  nb::list listed;
  for (const std::string& id : ids) listed.append(from_id(id));
  return nb::typed<nb::list, nb::str>(std::move(listed));
}

void bind_store(nb::module_& module) {
  nb::class_<PassageStore>(module, "PassageStore",
                           "Encoded passages by id. Safe to use from several threads. Made by "
                           "open_store().")
      .def("get", &get, nb::arg("ids"),
           "One entry an id, in order; None where it is absent. Raises CorruptError naming the id.")
      .def(
          "put",
          [](PassageStore& store, const std::vector<EncodedPassage>& passages) {
            without_gil([&] { store.put(passages); });
          },
          nb::arg("passages"),
          "Adds or replaces. They must be of encode_passages() with the store's own model, which\n"
          "nothing here can check: another model's states give wrong answers.")
      .def(
          "erase",
          [](PassageStore& store, const std::vector<nb::str>& ids) {
            return without_gil([&, gone = to_ids("ids", ids)] { return store.erase(gone); });
          },
          nb::arg("ids"), "Removes; returns how many were there.")
      .def("__len__",
           [](const PassageStore& store) { return without_gil([&] { return store.size(); }); })
      .def(
          "__contains__",
          [](const PassageStore& store, const nb::str& id) {
            const std::string wanted = to_id("id", id);
            return without_gil([&] { return store.hashes({&wanted, 1}).front().has_value(); });
          },
          nb::arg("id"))
      .def("list_ids", &list_ids, nb::arg("after") = "", nb::arg("limit") = 1000,
           "At most `limit` ids that follow `after` in the store's own order. Bytes that are no "
           "UTF-8\n"
           "are single surrogates, as in os.fsdecode(); get(), erase(), `in` and Passage take them "
           "so.")
      .def_prop_ro("fingerprint",
                   [](const PassageStore& store) { return to_string(store.fingerprint()); })
      .def("info",
           [](const PassageStore& store) { return without_gil([&] { return store.info(); }); })
      .def(
          "check", [](const PassageStore& store) { without_gil([&] { store.check(); }); },
          "Checks what holds the passages together. Raises CorruptError.");
}

}  // namespace

void bind_stores(nb::module_& module) {
  bind_passages(module);
  bind_encoded_passages(module);
  bind_info(module);
  bind_store(module);
  module.def(
      "open_store",
      [](const std::string& uri, const Model& model) {
        return without_gil([&] { return open_passage_store(uri, model); });
      },
      nb::arg("uri"), nb::arg("model"),
      "Opens or creates the store of a model's passages.\n\n"
      "`memory:`, `lmdb:DIRECTORY` or `redis://HOST[:PORT][/DATABASE][/PREFIX]`. Raises\n"
      "IncompatibleError when it was written by another model, UnsupportedError for a model whose\n"
      "passages cannot be stored.");
  module.def(
      "open_existing_store",
      [](const std::string& uri) {
        return without_gil([&] { return open_existing_passage_store(uri); });
      },
      nb::arg("uri"), "Opens a store that exists, whatever model it belongs to.");
  module.def(
      "content_id", [](const nb::str& text) { return content_id(to_utf8("text", text)); },
      nb::arg("text"), "An id that depends on the text alone: 32 hexadecimal digits.");
}

}  // namespace deformer::python
