// The minimum of a quadratic function plus weighted absolute values.
#pragma once

#include <cstddef>

namespace fallline {

// g.(v - u) + (v - u).H (v - u) / 2 + sum_j l1[j] |v[j]|, u where v begins.
struct L1Quadratic {
  const double* H;   // n x n, symmetric and positive semidefinite, row-major
  const double* g;   // the gradient of the quadratic part at u
  const double* l1;  // not negative
  std::ptrdiff_t n;
};

// Replaces v = u by the minimum. Coordinates without curvature become 0, or stay where their l1 is
// 0. Returns by how much the function has fallen.
double minimize(const L1Quadratic& f, double* v);

}  // namespace fallline
