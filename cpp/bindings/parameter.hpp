// Arrays of Python to be stepped: of any kind that a step takes.
#pragma once

#include <memory>

#include "bindings/arrays.hpp"
#include "training/row_gradient.hpp"

namespace fallline {

// NumPy has no bfloat16: its bits come as uint16.
inline Element element_of(const py::array& x) {
  if (py::isinstance<Array<float>>(x)) return Element::float32;
  if (py::isinstance<Array<double>>(x)) return Element::float64;
  if (py::isinstance<Array<std::uint16_t>>(x)) return Element::bfloat16;
  if (x.dtype().kind() == 'f' && x.itemsize() == 2) return Element::float16;
  throw py::type_error("arrays must be float16, float32, float64, or uint16 for bfloat16");
}

inline const void* of_length(const py::array& x, std::ptrdiff_t n, Element element,
                             const char* name) {
  if (x.size() != n || !(x.flags() & py::array::c_style) || element_of(x) != element) {
    throw py::value_error(std::string(name) + " must be contiguous, of the right kind and of " +
                          std::to_string(n) + " elements");
  }
  return x.data();
}

// Rows with their values, which it holds, of an array of n_rows.
class BoundRowGradient {
 public:
  BoundRowGradient(const Array<std::int64_t>& rows, const py::array& values, std::ptrdiff_t n_rows,
                   std::ptrdiff_t width);

  std::ptrdiff_t n_elements() const { return n_rows_ * rows_->width(); }
  Element element() const { return element_of(values_); }
  const RowGradient* get() const { return rows_.get(); }

 private:
  py::array values_;
  std::ptrdiff_t n_rows_;
  std::unique_ptr<RowGradient> rows_;
};

}  // namespace fallline
