// Python's texts as the library's, which are UTF-8, and ids and texts of stored passages, which any
// program wrote: they need not be.
#pragma once

#include <deformer/error.h>
#include <nanobind/nanobind.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace deformer::python {

namespace nb = nanobind;

/// Throws kInvalidArgument naming the argument for half of a surrogate pair: nanobind's own
/// conversion says no more than that some argument does not fit.
inline std::string to_utf8(const char* name, const nb::str& text) {
  Py_ssize_t size = 0;
  const char* const data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (data != nullptr) return {data, static_cast<std::size_t>(size)};
  if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError) == 0) throw nb::python_error();
  PyErr_Clear();
  throw Error(
      ErrorCode::kInvalidArgument,
      std::string(name) + ": expected text that UTF-8 can hold, found half of a surrogate pair");
}

inline std::vector<std::string> to_utf8(const char* name, const std::vector<nb::str>& texts) {
  std::vector<std::string> converted;
  converted.reserve(texts.size());
  for (const nb::str& text : texts) converted.push_back(to_utf8(name, text));
  return converted;
}

/// The id of a stored passage as Python has names of files: bytes that are no UTF-8 are single
/// surrogates.
inline nb::str from_id(std::string_view id) {
  PyObject* const text =
      PyUnicode_DecodeUTF8(id.data(), static_cast<Py_ssize_t>(id.size()), "surrogateescape");
  if (text == nullptr) throw nb::python_error();
  return nb::steal<nb::str>(text);
}

/// The text of a stored passage. Each byte that is no UTF-8 is one U+FFFD, as the library counts
/// characters: Python's own "replace" takes several for one, and offsets would not fit.
inline nb::str from_text(std::string_view text) {
  PyObject* const decoded =
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
  if (decoded != nullptr) return nb::steal<nb::str>(decoded);
  if (PyErr_ExceptionMatches(PyExc_UnicodeDecodeError) == 0) throw nb::python_error();
  PyErr_Clear();
  nb::dict shown;  // what from_id() has for a byte that is no UTF-8
  for (int byte = 0x80; byte <= 0xFF; ++byte) shown[nb::int_(0xDC00 + byte)] = nb::int_(0xFFFD);
  return nb::str(from_id(text).attr("translate")(shown));
}

/// What from_id() gave, or an id of the caller's own.
inline std::string to_id(const char* name, const nb::str& id) {
  PyObject* const bytes = PyUnicode_AsEncodedString(id.ptr(), "utf-8", "surrogateescape");
  if (bytes == nullptr) {
    PyErr_Clear();
    return to_utf8(name, id);  // says what is wrong
  }
  const auto held = nb::steal<nb::bytes>(bytes);
  return {held.c_str(), held.size()};
}

inline std::vector<std::string> to_ids(const char* name, const std::vector<nb::str>& ids) {
  std::vector<std::string> converted;
  converted.reserve(ids.size());
  for (const nb::str& id : ids) converted.push_back(to_id(name, id));
  return converted;
}

}  // namespace deformer::python
