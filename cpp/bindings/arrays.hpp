// NumPy arrays as views. Nothing is converted; what Python should have checked is checked again,
// because a wrong length here would read somebody else's memory.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <optional>
#include <string>

#include "core/aligned.hpp"
#include "core/find.hpp"
#include "core/interrupt.hpp"
#include "kernels/table.hpp"

namespace fallline {

namespace py = pybind11;

template <class T> using Array = py::array_t<T, 0>;  // any strides, and never forcecast

template <class T> MatrixView<T> matrix(const Array<T>& X, const char* name) {
  constexpr auto item = static_cast<py::ssize_t>(sizeof(T));
  if (X.ndim() != 2) throw py::value_error(std::string(name) + " must be 2-dimensional");
  const bool row_major = X.shape(1) < 2 || X.strides(1) == item;
  if (!row_major || X.strides(0) % item != 0) {
    throw py::value_error(std::string(name) + " must be row-major");
  }
  return {X.data(), X.shape(0), X.shape(1), X.strides(0) / item};
}

template <class T> const T* vector(const Array<T>& x, std::ptrdiff_t n, const char* name) {
  constexpr auto item = static_cast<py::ssize_t>(sizeof(T));
  const bool contiguous = x.ndim() == 1 && (x.shape(0) < 2 || x.strides(0) == item);
  if (!contiguous || x.shape(0) != n) {
    throw py::value_error(std::string(name) + " must be contiguous and of length " +
                          std::to_string(n));
  }
  return x.data();
}

template <class T> T* writeable(Array<T>& x, std::ptrdiff_t n, const char* name) {
  vector(x, n, name);
  return x.mutable_data();  // raises ValueError for a read-only array
}

template <class T> Samples<T> samples(const Array<T>& X, const Array<T>& y,
                                      const std::optional<Array<T>>& sample_weight) {
  const MatrixView<T> view = matrix(X, "X");
  return {view, vector(y, view.rows, "y"),
          sample_weight ? vector(*sample_weight, view.rows, "sample_weight") : nullptr};
}

// A copy of weights padded to whole vectors, as the kernels want them.
template <class T> AlignedVector<T> padded(const Array<T>& w, std::ptrdiff_t n) {
  AlignedVector<T> copy(static_cast<std::size_t>(padded_size<T>(n)));
  std::copy_n(vector(w, n, "w"), n, copy.begin());
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
