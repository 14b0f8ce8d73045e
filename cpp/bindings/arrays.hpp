// NumPy arrays as views. Nothing is converted; what Python should have checked is checked again,
// because a wrong length here would read somebody else's memory.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "core/aligned.hpp"
#include "core/find.hpp"
#include "core/interrupt.hpp"
#include "kernels/table.hpp"

namespace fallline {

namespace py = pybind11;

template <class T> using Array = py::array_t<T, 0>;  // any strides, and never forcecast

template <class T> const T* vector(const Array<T>& x, std::ptrdiff_t n, const char* name) {
  constexpr auto item = static_cast<py::ssize_t>(sizeof(T));
  const bool contiguous = x.ndim() == 1 && (x.shape(0) < 2 || x.strides(0) == item);
  if (!contiguous || x.shape(0) != n) {
    throw py::value_error(std::string(name) + " must be contiguous and of length " +
                          std::to_string(n));
  }
  return x.data();
}

// The entry for the elements of X, or null where they are not computed in T.
template <class T> const SourceEntry<T>* source_of(const py::array& X) {
  // The name of a dtype is Python code and takes 6 us; T itself comes first and needs none.
  if (py::isinstance<Array<T>>(X)) return kernels<T>().sources.begin();
  const auto kind = py::str(X.dtype()).cast<std::string>();  // swapped bytes have another name
  for (const SourceEntry<T>& source : kernels<T>().sources) {
    if (kind == source.name) return &source;
  }
  return nullptr;
}

// A matrix of any elements that are computed in T, at any strides; a shift belongs to the caller.
template <class T> MatrixView<T> matrix(const py::array& X, const char* name,
                                        const std::optional<Array<T>>& shift = std::nullopt) {
  constexpr auto item = static_cast<py::ssize_t>(sizeof(T));
  if (X.ndim() != 2) throw py::value_error(std::string(name) + " must be 2-dimensional");
  const SourceEntry<T>* source = source_of<T>(X);
  if (!source)
    throw py::type_error(std::string(name) + " must have elements computed in this type");
  const auto* data = static_cast<const unsigned char*>(X.data());
  const py::ssize_t row_stride = X.strides(0);
  // The stride of a single column means nothing.
  const py::ssize_t column_stride = X.shape(1) < 2 ? source->item_size : X.strides(1);
  const bool in_place = source == kernels<T>().sources.begin() && !shift && column_stride == item &&
                        row_stride % item == 0 &&
                        reinterpret_cast<std::uintptr_t>(data) % item == 0;
  if (in_place) {
    return {reinterpret_cast<const T*>(data), X.shape(0), X.shape(1), row_stride / item};
  }
  const T* shifts = shift ? vector(*shift, X.shape(1), "shift") : nullptr;
  return {nullptr, X.shape(0),     X.shape(1),
          0,       source->unpack, {data, row_stride, column_stride, shifts}};
}

// An array of the dtype of the matrix, or TypeError: nothing is converted.
template <class T> Array<T> of_dtype(const py::array& array, const char* name) {
  if (!py::isinstance<Array<T>>(array)) {
    throw py::type_error(std::string(name) + " must have the dtype of X");
  }
  return py::reinterpret_borrow<Array<T>>(array);
}

template <class T> T* writeable(Array<T>& x, std::ptrdiff_t n, const char* name) {
  vector(x, n, name);
  return x.mutable_data();  // raises ValueError for a read-only array
}

template <class T> Samples<T> samples(const py::array& X, const std::optional<Array<T>>& shift,
                                      const Array<T>& y,
                                      const std::optional<Array<T>>& sample_weight) {
  const MatrixView<T> view = matrix(X, "X", shift);
  return {view, vector(y, view.rows, "y"),
          sample_weight ? vector(*sample_weight, view.rows, "sample_weight") : nullptr};
}

// A copy of weights padded to whole vectors, as the kernels want them.
template <class T>
AlignedVector<T> padded(const Array<T>& w, std::ptrdiff_t n, const char* name = "w") {
  AlignedVector<T> copy(static_cast<std::size_t>(padded_size<T>(n)));
  std::copy_n(vector(w, n, name), n, copy.begin());
  return copy;
}

template <class T> Array<T> array(const T* data, std::ptrdiff_t n) {
  return Array<T>(std::vector<py::ssize_t>{n}, data);
}

// Asks Python for pending signals; with Ctrl-C its handler has then raised KeyboardInterrupt.
inline bool signal_raised() {
  const py::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

}  // namespace fallline
