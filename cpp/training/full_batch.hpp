// Passes over all rows that the solvers, validation and prediction are made of.
#pragma once

#include "training/pass.hpp"

namespace fallline {

// X w + intercept; w is padded. False if the user interrupted.
template <class T>
bool margins(const MatrixView<T>& X, const T* w, double intercept, T* out, Interrupt& interrupt);

// The same of several heads, row-major (n_samples, n_heads); weights and intercepts in lines.
template <class T> bool head_margins(const MatrixView<T>& X, const T* w, const T* intercepts,
                                     std::ptrdiff_t n_heads, T* out, Interrupt& interrupt);

template <class T> bool all_finite(const MatrixView<T>& X);

// The sum of n numbers, read once at full speed: what a pass over data is measured against. Alone
// here it may differ in its last bits from one number of threads to another.
template <class T> double read_sum(const T* x, std::ptrdiff_t n);

}  // namespace fallline
