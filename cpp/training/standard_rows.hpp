// Rows of any source as float64 tiles of standardised columns.
#pragma once

#include <vector>

#include "core/aligned.hpp"
#include "kernels/table.hpp"

namespace fallline {

// Columns less their mean, times the inverse of their scale; where an intercept is fitted, one more
// that is 1.
class Standardizer {
 public:
  Standardizer(const double* mean, const double* inverse_scale, std::ptrdiff_t n_features,
               bool fit_intercept);

  std::ptrdiff_t n_columns() const { return n_columns_; }
  std::ptrdiff_t lines() const { return gram_lines(n_columns_); }
  StandardColumns columns() const { return {mean_.data(), inverse_scale_.data(), lines()}; }

 private:
  std::ptrdiff_t n_columns_;
  AlignedVector<double> mean_, inverse_scale_;
};

// Rows of a matrix, whatever it is made of.
class StandardRows {
 public:
  virtual ~StandardRows() = default;
  virtual std::ptrdiff_t n_samples() const = 0;
  virtual std::ptrdiff_t n_features() const = 0;
  // To be called before so many threads read.
  virtual void prepare(int threads) = 0;
  // At most gram_rows rows, as a tile.
  virtual void read(const Rows& rows, const StandardColumns& columns, int thread, double* tile) = 0;
};

template <class T> class DenseRows final : public StandardRows {
 public:
  explicit DenseRows(const MatrixView<T>& X) : X_(X) {}

  std::ptrdiff_t n_samples() const override { return X_.rows; }
  std::ptrdiff_t n_features() const override { return X_.columns; }
  void prepare(int threads) override { unpacked_.resize(static_cast<std::size_t>(threads)); }
  void read(const Rows& rows, const StandardColumns& columns, int thread, double* tile) override;

 private:
  MatrixView<T> X_;
  std::vector<AlignedVector<T>> unpacked_;  // of each thread
};

// Sparse rows, with their zeros.
template <class T, class I> class CsrRows final : public StandardRows {
 public:
  explicit CsrRows(const CsrView<T, I>& X) : X_(X) {}

  std::ptrdiff_t n_samples() const override { return X_.rows; }
  std::ptrdiff_t n_features() const override { return X_.columns; }
  void prepare(int threads) override { dense_.resize(static_cast<std::size_t>(threads)); }
  void read(const Rows& rows, const StandardColumns& columns, int thread, double* tile) override;

 private:
  CsrView<T, I> X_;
  std::vector<AlignedVector<double>> dense_;  // of each thread
};

}  // namespace fallline
