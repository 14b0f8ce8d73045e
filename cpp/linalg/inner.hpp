// The dot product, whose shape is a function of the length alone.
#pragma once

#include <cstddef>

namespace fallline {

// Halves are added up by themselves, down to blocks of 128 in eight sums: rounding errors grow with
// the logarithm of the length.
inline double inner(const double* a, const double* b, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t lanes = 8, block = 128;
  if (n > block) {
    const std::ptrdiff_t half = n / 2 / lanes * lanes;
    return inner(a, b, half) + inner(a + half, b + half, n - half);
  }
  double sums[lanes] = {};
  std::ptrdiff_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (std::ptrdiff_t k = 0; k < lanes; ++k) sums[k] += a[i + k] * b[i + k];
  }
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

}  // namespace fallline
