// A sparse matrix as Python hands it over, checked once: none of its indices is out of bounds.
#pragma once

#include <variant>

#include "bindings/arrays.hpp"
#include "core/csr.hpp"
#include "training/csr_pass.hpp"

namespace fallline {

using AnyCsr = std::variant<CsrView<float, std::int32_t>, CsrView<float, std::int64_t>,
                            CsrView<double, std::int32_t>, CsrView<double, std::int64_t>>;

// Holds the arrays that the view looks into.
struct CsrMatrix {
  AnyCsr view;
  py::array values, indices, starts;
};

template <class T, class I> CsrView<T, I> csr_view(const Array<T>& values, const Array<I>& indices,
                                                   const Array<I>& starts, std::ptrdiff_t columns) {
  const std::ptrdiff_t n = values.size();
  const std::ptrdiff_t rows = starts.size() - 1;
  const I* at = vector(starts, rows + 1, "indptr");
  const I* index = vector(indices, n, "indices");
  bool rises = rows >= 0 && at[0] == 0 && at[rows] <= n;
  for (std::ptrdiff_t i = 0; rises && i < rows; ++i) rises = at[i] <= at[i + 1];
  if (!rises) throw py::value_error("indptr must rise from 0 to at most the number of values");
  if (index_out_of_bounds(index, n, columns) >= 0) {
    throw py::value_error("indices must be below the number of columns, and not negative");
  }
  return {vector(values, n, "data"), index, at, rows, columns};
}

}  // namespace fallline
