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

template <class T, class I> void CsrRows<T, I>::read(const Rows& rows,
                                                     const StandardColumns& columns, int thread,
                                                     double* tile) {
  const std::ptrdiff_t n = rows.end - rows.begin;
  AlignedVector<double>& dense = dense_[static_cast<std::size_t>(thread)];
  dense.assign(static_cast<std::size_t>(n * X_.columns), 0.0);
  for (std::ptrdiff_t k = 0; k < n; ++k) {
    const std::ptrdiff_t at = rows.begin + k;
    const CsrRow<T, I> row = row_of(X_, rows.order ? rows.order[at] : at);
    double* to = dense.data() + k * X_.columns;
    for (std::ptrdiff_t e = 0; e < row.n; ++e) {
      to[row.indices[e]] += static_cast<double>(row.values[e]);
    }
  }
  kernels<double>().standardize({dense.data(), n, X_.columns, X_.columns}, {nullptr, 0, n}, columns,
                                tile);
}

template class DenseRows<float>;
template class DenseRows<double>;
template class CsrRows<float, std::int32_t>;
template class CsrRows<float, std::int64_t>;
template class CsrRows<double, std::int32_t>;
template class CsrRows<double, std::int64_t>;

}  // namespace fallline
