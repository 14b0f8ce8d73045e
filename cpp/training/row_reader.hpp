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

template <class T> class DenseReader {
 public:
  explicit DenseReader(const MatrixView<T>& X) : X_(X) {
    if (X.unpack) unpacked_.resize(static_cast<std::size_t>(padded_size<T>(X.columns)));
  }

  std::ptrdiff_t rows() const { return X_.rows; }
  std::ptrdiff_t columns() const { return X_.columns; }
  std::ptrdiff_t elements() const { return X_.rows * X_.columns; }
  std::ptrdiff_t element_bytes() const { return sizeof(T); }

  // Valid until the next call.
  DenseRow<T> row(std::ptrdiff_t i) {
    if (!X_.unpack) return {X_.data + i * X_.stride, X_.columns};
    X_.unpack(X_, {nullptr, i, i + 1}, unpacked_.data(), padded_size<T>(X_.columns));
    return {unpacked_.data(), X_.columns};
  }
  // The processor sees by itself how a long row goes on.
  void prefetch_row(std::ptrdiff_t i) const {
    if (!X_.unpack) __builtin_prefetch(X_.data + i * X_.stride);
  }

 private:
  MatrixView<T> X_;
  AlignedVector<T> unpacked_;
};

template <class T, class I> class CsrReader {
 public:
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
