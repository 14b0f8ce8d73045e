// A symmetric positive definite matrix as L L', and what it is factored for. All row-major.
#pragma once

#include <cstddef>

namespace fallline {

// Overwrites the lower triangle of an n x n matrix by that of L; what lies above is not touched.
// Returns -1, or the first pivot that is not positive and finite: the factor of the rows and
// columns before it is then there, the rest unfinished.
std::ptrdiff_t cholesky(double* A, std::ptrdiff_t n);

// Replaces n x n_columns right-hand sides b by x of L x = b or L' x = b.
void solve_lower(const double* L, std::ptrdiff_t n, double* b, std::ptrdiff_t n_columns);
void solve_lower_transposed(const double* L, std::ptrdiff_t n, double* b, std::ptrdiff_t n_columns);
// The same for L L' x = b.
void solve_cholesky(const double* L, std::ptrdiff_t n, double* b, std::ptrdiff_t n_columns);

}  // namespace fallline
