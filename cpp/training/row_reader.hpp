// Rows one at a time in any order, whatever the matrix is made of: for what is computed in float64
// from a row after the other.
#pragma once

#include <cstdint>
#include <variant>

#include "core/aligned.hpp"
#include "core/csr.hpp"
#include "kernels/table.hpp"

namespace fallline {

template <class T> struct DenseRow {
  const T* values;
  std::ptrdiff_t n;
};

// The sums have a fixed shape, so that their bits are the same whatever compiles them.
template <class T> double dot(const DenseRow<T>& row, const double* w) {
  constexpr std::ptrdiff_t lanes = 8;
  double sums[lanes] = {};
  std::ptrdiff_t k = 0;
  for (; k + lanes <= row.n; k += lanes) {
    for (std::ptrdiff_t j = 0; j < lanes; ++j) {
      sums[j] += static_cast<double>(row.values[k + j]) * w[k + j];
    }
  }
  for (; k < row.n; ++k) sums[0] += static_cast<double>(row.values[k]) * w[k];
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

template <class T, class I> double dot(const CsrRow<T, I>& row, const double* w) {
  double sums[4] = {};
  std::ptrdiff_t k = 0;
  for (; k + 4 <= row.n; k += 4) {
    for (std::ptrdiff_t j = 0; j < 4; ++j) {
      sums[j] += static_cast<double>(row.values[k + j]) * w[row.indices[k + j]];
    }
  }
  for (; k < row.n; ++k) sums[0] += static_cast<double>(row.values[k]) * w[row.indices[k]];
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

// |row|^2; of a sparse row whose columns occur once.
template <class Row> double squared(const Row& row) {
  double sums[4] = {};
  std::ptrdiff_t k = 0;
  const auto square = [&](std::ptrdiff_t at) {
    const auto x = static_cast<double>(row.values[at]);
    return x * x;
  };
  for (; k + 4 <= row.n; k += 4) {
    for (std::ptrdiff_t j = 0; j < 4; ++j) sums[j] += square(k + j);
  }
  for (; k < row.n; ++k) sums[0] += square(k);
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

// w += factor * row
template <class T> void add(const DenseRow<T>& row, double factor, double* w) {
  for (std::ptrdiff_t k = 0; k < row.n; ++k) w[k] += factor * static_cast<double>(row.values[k]);
}

template <class T, class I> void add(const CsrRow<T, I>& row, double factor, double* w) {
  for (std::ptrdiff_t k = 0; k < row.n; ++k) {
    w[row.indices[k]] += factor * static_cast<double>(row.values[k]);
  }
}

// w += factor * row * row, of each stored element
template <class T> void add_squares(const DenseRow<T>& row, double factor, double* w) {
  for (std::ptrdiff_t k = 0; k < row.n; ++k) {
    const auto x = static_cast<double>(row.values[k]);
    w[k] += factor * (x * x);
  }
}

template <class T, class I> void add_squares(const CsrRow<T, I>& row, double factor, double* w) {
  for (std::ptrdiff_t k = 0; k < row.n; ++k) {
    const auto x = static_cast<double>(row.values[k]);
    w[row.indices[k]] += factor * (x * x);
  }
}

// Sets to zero what a row has added to zeros.
template <class T> void clear(const DenseRow<T>& row, double* w) {
  for (std::ptrdiff_t k = 0; k < row.n; ++k) w[k] = 0;
}

template <class T, class I> void clear(const CsrRow<T, I>& row, double* w) {
  for (std::ptrdiff_t k = 0; k < row.n; ++k) w[row.indices[k]] = 0;
}

// Columns may be read less their mean and times the inverse of their scale.
template <class T> class DenseReader {
 public:
  static constexpr bool is_dense = true;

  explicit DenseReader(const MatrixView<T>& X, const T* mean = nullptr,
                       const T* inverse_scale = nullptr)
      : X_(X), mean_(mean), inverse_scale_(inverse_scale) {
    if (X.unpack || mean) row_.resize(static_cast<std::size_t>(padded_size<T>(X.columns)));
  }

  std::ptrdiff_t rows() const { return X_.rows; }
  std::ptrdiff_t columns() const { return X_.columns; }
  std::ptrdiff_t elements() const { return X_.rows * X_.columns; }
  std::ptrdiff_t element_bytes() const { return sizeof(T); }

  // Valid until the next call.
  DenseRow<T> row(std::ptrdiff_t i) {
    const T* from = X_.data + i * X_.stride;
    if (X_.unpack) {
      X_.unpack(X_, {nullptr, i, i + 1}, row_.data(), padded_size<T>(X_.columns));
      from = row_.data();
    }
    if (!mean_) return {from, X_.columns};
    T* to = row_.data();
    for (std::ptrdiff_t j = 0; j < X_.columns; ++j)
      to[j] = (from[j] - mean_[j]) * inverse_scale_[j];
    return {to, X_.columns};
  }
  // The processor sees by itself how a long row goes on.
  void prefetch_row(std::ptrdiff_t i) const {
    if (!X_.unpack) __builtin_prefetch(X_.data + i * X_.stride);
  }

 private:
  MatrixView<T> X_;
  const T *mean_, *inverse_scale_;
  AlignedVector<T> row_;
};

template <class T, class I> class CsrReader {
 public:
  static constexpr bool is_dense = false;

  explicit CsrReader(const CsrView<T, I>& X) : X_(X) {}

  std::ptrdiff_t rows() const { return X_.rows; }
  std::ptrdiff_t columns() const { return X_.columns; }
  std::ptrdiff_t elements() const {
    return static_cast<std::ptrdiff_t>(X_.starts[X_.rows] - X_.starts[0]);
  }
  std::ptrdiff_t element_bytes() const { return sizeof(T) + sizeof(I); }

  CsrRow<T, I> row(std::ptrdiff_t i) { return row_of(X_, i); }
  void prefetch_row(std::ptrdiff_t i) const { prefetch(row_of(X_, i)); }

 private:
  CsrView<T, I> X_;
};

using AnyReader = std::variant<DenseReader<float>, DenseReader<double>,
                               CsrReader<float, std::int32_t>, CsrReader<float, std::int64_t>,
                               CsrReader<double, std::int32_t>, CsrReader<double, std::int64_t>>;

}  // namespace fallline
