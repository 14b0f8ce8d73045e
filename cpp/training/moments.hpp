// Mean and variance of every column.
#pragma once

#include "training/pass.hpp"

namespace fallline {

// Weighted by sample_weight, which may be null, and divided by the sum of weights. Two passes: the
// second is centred on what the first found, which is stable for any mean (Chan, Golub & LeVeque
// 1983, "Algorithms for computing the sample variance", The American Statistician 37(3), eq. 1.7).
// The same bits for any source and any number of threads. False if the user interrupted.
template <class T> bool column_moments(const MatrixView<T>& X, const T* sample_weight, double* mean,
                                       double* variance, Interrupt& interrupt);

}  // namespace fallline
