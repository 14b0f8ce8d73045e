#include "training/standard_rows.hpp"

#include <algorithm>

namespace fallline {

Standardizer::Standardizer(const double* mean, const double* inverse_scale,
                           std::ptrdiff_t n_features, bool fit_intercept)
    : n_columns_(n_features + (fit_intercept ? 1 : 0)),
      mean_(static_cast<std::size_t>(lines() * gram_lanes)),
      inverse_scale_(mean_.size()) {
  std::copy_n(mean, n_features, mean_.begin());
  std::copy_n(inverse_scale, n_features, inverse_scale_.begin());
  if (fit_intercept) {  // behind the last feature there are zeros: (0 - -1) * 1
    mean_[static_cast<std::size_t>(n_features)] = -1;
    inverse_scale_[static_cast<std::size_t>(n_features)] = 1;
  }
}

template <class T> void DenseRows<T>::read(const Rows& rows, const StandardColumns& columns,
                                           int thread, double* tile) {
  if (!X_.unpack) {
    kernels<T>().standardize(X_, rows, columns, tile);
    return;
  }
  const std::ptrdiff_t stride = padded_size<T>(X_.columns), n = rows.end - rows.begin;
  AlignedVector<T>& unpacked = unpacked_[static_cast<std::size_t>(thread)];
  unpacked.resize(static_cast<std::size_t>(gram_rows * stride));
  X_.unpack(X_, rows, unpacked.data(), stride);
  kernels<T>().standardize({unpacked.data(), n, X_.columns, stride}, {nullptr, 0, n}, columns,
                           tile);
}

template class DenseRows<float>;
template class DenseRows<double>;

}  // namespace fallline
