// The binding's files, each one part of the module.
#pragma once

#include <nanobind/nanobind.h>

namespace deformer::python {

void bind_errors(nanobind::module_& module);
void bind_model(nanobind::module_& module);
void bind_stores(nanobind::module_& module);
void bind_encoding(nanobind::module_& module);
void bind_answering(nanobind::module_& module);
void bind_classes(nanobind::module_& module);
void bind_data(nanobind::module_& module);
void bind_metrics(nanobind::module_& module);
void bind_trace(nanobind::module_& module);
void bind_training(nanobind::module_& module);

}  // namespace deformer::python
