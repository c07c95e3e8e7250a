// Errors as Python objects.
#pragma once

#include <deformer/answering.h>
#include <deformer/error.h>
#include <nanobind/nanobind.h>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "calls.h"

namespace deformer::python {

/// The exception of deformer/errors.py, not raised.
[[nodiscard]] nb::object to_exception(const Error& error);

/// Outcomes in the order of the requests: results, and exceptions where a request failed and
/// `return_errors`; else the first error is thrown. `run(sink)` is called without the interpreter's
/// lock and gives one outcome a request.
template <typename Result, typename Run>
nb::typed<nb::list, Result> collect(std::size_t requests, bool return_errors, const Run& run) {
  std::vector<std::optional<Outcome<Result>>> outcomes(requests);
  without_gil([&] {
    run([&](std::size_t request, Outcome<Result>&& outcome) {
      if (!return_errors && !outcome.ok()) throw Error(*outcome.error());
      outcomes[request] = std::move(outcome);
    });
  });
  nb::list results;
  for (auto& outcome : outcomes) {
    if (const Error* const error = outcome->error()) {
      results.append(to_exception(*error));
    } else {
      results.append(nb::cast(std::move(*outcome).value()));
    }
  }
  return nb::typed<nb::list, Result>(std::move(results));
}

}  // namespace deformer::python
