// The extension module deformer._native. Its Python side is python/deformer.
#include <deformer/runtime.h>
#include <nanobind/nanobind.h>

#include "rooms.h"

NB_MODULE(_native, module) {
  // Objects that live when the interpreter ends, e.g. in a traceback, are no leak worth a report to
  // users.
  nanobind::set_leak_warnings(false);
  module.doc() = "The C++ library. Import `deformer`, which checks the installed torch first.";
  module.attr("library_version") = deformer::version();
  deformer::python::bind_errors(module);
  deformer::python::bind_model(module);
  deformer::python::bind_stores(module);
  deformer::python::bind_encoding(module);
  deformer::python::bind_answering(module);
  deformer::python::bind_classes(module);
  deformer::python::bind_data(module);
  deformer::python::bind_metrics(module);
  deformer::python::bind_trace(module);
  deformer::python::bind_training(module);
}
