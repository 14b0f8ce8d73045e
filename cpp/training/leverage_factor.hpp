// The factor L of a Hessian L L', in the shape in which tiles of rows can use it.
#pragma once

#include <cstddef>

#include "core/aligned.hpp"

namespace fallline {

struct LeverageFactor {
  std::ptrdiff_t n;
  AlignedVector<double> panels;   // of L', with ones on the diagonal of the padding
  AlignedVector<double> inverse;  // (L L')^-1, row-major up to the diagonal; empty if not wanted
  AlignedVector<double> roots;    // of its diagonal
};

// L is lower triangular and row-major.
LeverageFactor panels_of(const double* L, std::ptrdiff_t n);
LeverageFactor inverse_of(const double* L, std::ptrdiff_t n);

}  // namespace fallline
