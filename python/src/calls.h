// How long calls run: without the interpreter's lock, and watchful of Ctrl-C.
#pragma once

#include <deformer/passage_encoder.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/typing.h>

#include <memory>
#include <optional>
#include <utility>

namespace deformer::python {

namespace nb = nanobind;

/// Runs `function` while other Python threads go on.
template <typename Function>
auto without_gil(Function&& function) {
  const nb::gil_scoped_release release;
  return std::forward<Function>(function)();
}

/// progress(done, total), or None.
using Progress = std::optional<nb::typed<nb::callable, nb::object(std::size_t, std::size_t)>>;

/// Called between batches from the thread of the call: raises KeyboardInterrupt there when Ctrl-C
/// was pressed, then calls `progress(done, total)` unless it is None. The callable is borrowed: it
/// outlives the call whose argument it is, and copies of the callback touch no reference count.
inline ProgressCallback progress_callback(const Progress& progress) {
  const nb::handle callable = progress ? nb::handle(*progress) : nb::handle();
  return [callable](std::size_t done, std::size_t total) {
    const nb::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (callable.is_valid()) callable(done, total);
  };
}

/// nanobind holds objects by pointers to what is not const; what the library gives out is
/// immutable, and so are the bound classes.
template <typename T>
std::shared_ptr<T> held(std::shared_ptr<const T> object) {
  return std::const_pointer_cast<T>(std::move(object));
}

}  // namespace deformer::python
