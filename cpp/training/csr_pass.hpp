// Passes over all rows of a sparse matrix, with the same bits at any number of threads.
#pragma once

#include "core/csr.hpp"
#include "core/interrupt.hpp"
#include "kernels/table.hpp"

namespace fallline {

// X w + intercept. False if the user interrupted.
template <class T, class I>
bool margins(const CsrView<T, I>& X, const T* w, double intercept, T* out, Interrupt& interrupt);

// The sum of the weighted losses. False if the user interrupted: it is then worthless.
template <class T, class I> bool loss_sum(const CsrSamples<T, I>& samples, const BoundLoss<T>& loss,
                                          const T* w, double intercept, double& sum,
                                          Interrupt& interrupt);

// Where the structure is broken: the position of the first index that is no column, -1 if there is
// none. The n elements are read once.
template <class I>
std::ptrdiff_t index_out_of_bounds(const I* indices, std::ptrdiff_t n, std::ptrdiff_t columns);

}  // namespace fallline
