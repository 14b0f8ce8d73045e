#include "training/leverage_factor.hpp"

#include <algorithm>
#include <cmath>

#include "core/gram.hpp"

namespace fallline {

LeverageFactor panels_of(const double* L, std::ptrdiff_t n) {
  const std::ptrdiff_t lines = gram_lines(n);
  AlignedVector<double> panels(static_cast<std::size_t>(triangle_size(lines)));
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    for (std::ptrdiff_t j = 0; j <= i; ++j) {
      panels[static_cast<std::size_t>(triangle_place(j, i))] = L[i * n + j];
    }
  }
  for (std::ptrdiff_t i = n; i < lines * gram_lanes; ++i) {
    panels[static_cast<std::size_t>(triangle_place(i, i))] = 1;
  }
  return {n, panels, {}, {}};
}

// Row j of M' is column j of L^-1: zeros, and from j on what substitution finds.
LeverageFactor inverse_of(const double* L, std::ptrdiff_t n) {
  const auto size = static_cast<std::size_t>(n * n);
  AlignedVector<double> M(size), inverse(size), roots(static_cast<std::size_t>(n));
  for (std::ptrdiff_t j = 0; j < n; ++j) {
    double* const column = M.data() + j * n;
    column[j] = 1 / L[j * n + j];
    for (std::ptrdiff_t i = j + 1; i < n; ++i) {
      double sum = 0;
      for (std::ptrdiff_t k = j; k < i; ++k) sum += L[i * n + k] * column[k];
      column[i] = -sum / L[i * n + i];
    }
  }
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    for (std::ptrdiff_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::ptrdiff_t k = i; k < n; ++k) sum += M.data()[i * n + k] * M.data()[j * n + k];
      inverse.data()[i * n + j] = sum;
    }
    roots.data()[i] = std::sqrt(inverse.data()[i * n + i]);
  }
  return {n, {}, inverse, roots};
}

}  // namespace fallline
