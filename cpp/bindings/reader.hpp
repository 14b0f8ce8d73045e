// A matrix of any kind as rows to be read one at a time.
#pragma once

#include "bindings/arrays.hpp"
#include "bindings/csr_matrix.hpp"
#include "training/row_reader.hpp"

namespace fallline {

inline AnyReader reader_of(const py::array& X) {
  const bool is_float64 = py::isinstance<Array<double>>(X);  // what asks for no name comes first
  if (!is_float64 && source_of<float>(X)) return DenseReader<float>(matrix<float>(X, "X"));
  return DenseReader<double>(matrix<double>(X, "X"));
}

inline AnyReader reader_of(const CsrMatrix& X) {
  return std::visit(
      [](const auto& view) -> AnyReader {
        using T = std::decay_t<decltype(*view.values)>;
        using I = std::decay_t<decltype(*view.indices)>;
        return CsrReader<T, I>(view);
      },
      X.view);
}

inline std::ptrdiff_t rows_of(const AnyReader& X) {
  return std::visit([](const auto& reader) { return reader.rows(); }, X);
}

inline std::ptrdiff_t columns_of(const AnyReader& X) {
  return std::visit([](const auto& reader) { return reader.columns(); }, X);
}

}  // namespace fallline
