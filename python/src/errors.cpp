// deformer::Error as the exceptions of deformer/errors.py.
#include <deformer/error.h>
#include <nanobind/nanobind.h>

#include <exception>
#include <string_view>

#include "errors.h"
#include "rooms.h"

namespace deformer::python {
namespace {

// Messages name ids and files, which need not be UTF-8.
nb::object to_text(std::string_view text) {
  return nb::steal(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    const nb::object exception = to_exception(error);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  }
}

}  // namespace

nb::object to_exception(const Error& error) {
  const nb::object make = nb::module_::import_("deformer.errors").attr("from_code");
  return make(to_string(error.code()), to_text(error.what()));
}

void bind_errors(nb::module_&) {
  nb::register_exception_translator(translate);
}

}  // namespace deformer::python
