// How long calls run: without the interpreter's lock, and watchful of Ctrl-C.
#pragma once

#include <deformer/passage_encoder.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/typing.h>

#include <cxxabi.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <utility>

namespace deformer::python {

namespace nb = nanobind;

/// Runs what may wait for the interpreter's lock. When the program ends, Python 3.13 and older make
/// a daemon thread exit there, by an unwinding that ends the process at the first noexcept function
/// and runs destructors without the lock. Such a thread sleeps here instead, until the process is
/// gone, as Python 3.14 has it do. To ask first whether the program ends would leave a race.
template <typename Function>
auto or_sleep_at_exit(const Function& function) {
  try {
    return function();
  } catch (const abi::__forced_unwind&) {
    for (;;) ::pause();
  }
}

/// In place of nanobind's guards, whose constructors and destructors are noexcept.
class ReleasedLock {
 public:
  ReleasedLock() : thread_(PyEval_SaveThread()) {}
  ~ReleasedLock() noexcept(false) {
    or_sleep_at_exit([this] { PyEval_RestoreThread(thread_); });
  }
  ReleasedLock(const ReleasedLock&) = delete;
  ReleasedLock& operator=(const ReleasedLock&) = delete;

 private:
  PyThreadState* thread_;
};

class TakenLock {
 public:
  TakenLock() : before_(or_sleep_at_exit([] { return PyGILState_Ensure(); })) {}
  ~TakenLock() { PyGILState_Release(before_); }
  TakenLock(const TakenLock&) = delete;
  TakenLock& operator=(const TakenLock&) = delete;

 private:
  PyGILState_STATE before_;
};

/// Runs `function` while other Python threads go on.
template <typename Function>
auto without_gil(Function&& function) {
  const ReleasedLock released;
  return std::forward<Function>(function)();
}

/// Runs a caller's function in Python, from within without_gil(). Python gives the lock away and
/// takes it again as it runs.
template <typename Function>
void with_gil(const Function& function) {
  const TakenLock taken;
  or_sleep_at_exit(function);
}

/// progress(done, total), or None.
using Progress = std::optional<nb::typed<nb::callable, nb::object(std::size_t, std::size_t)>>;

/// Called between batches from the thread of the call: raises KeyboardInterrupt there when Ctrl-C
/// was pressed, then calls `progress(done, total)` unless it is None. The callable is borrowed: it
/// outlives the call whose argument it is, and copies of the callback touch no reference count.
inline ProgressCallback progress_callback(const Progress& progress) {
  const nb::handle callable = progress ? nb::handle(*progress) : nb::handle();
  return [callable](std::size_t done, std::size_t total) {
    with_gil([&] {
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (callable.is_valid()) callable(done, total);
    });
  };
}

/// nanobind holds objects by pointers to what is not const; what the library gives out is
/// immutable, and so are the bound classes.
template <typename T>
std::shared_ptr<T> held(std::shared_ptr<const T> object) {
  return std::const_pointer_cast<T>(std::move(object));
}

}  // namespace deformer::python
