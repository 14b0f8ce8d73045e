// The triangular factor of a matrix by Householder reflections. All row-major.
#pragma once

#include <cstddef>

namespace fallline {

// Replaces a p x p upper triangle R by that of R on top of the n x p rows of A, with a diagonal
// that is not negative. What lies below the diagonal of R is not touched. Columns should be of
// about unit size: their squares must neither overflow nor vanish.
void qr_update(double* R, std::ptrdiff_t p, const double* A, std::ptrdiff_t n);

// Replaces a p x p matrix R by the upper triangle of its columns in the order of `permutation`:
// each next column is the largest of what is left (Businger & Golub 1965). What is left is summed
// anew at each step, as updated norms lose their digits where rank does. The first of equals wins.
void pivoted_qr(double* R, std::ptrdiff_t p, std::ptrdiff_t* permutation);

}  // namespace fallline
