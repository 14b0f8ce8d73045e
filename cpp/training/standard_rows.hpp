// Rows of any source as tiles of standardised columns, in float64.
#pragma once

#include <memory>

#include "core/aligned.hpp"
#include "kernels/table.hpp"
#include "training/leverage_factor.hpp"

namespace fallline {

// Columns less their mean, times the inverse of their scale; where an intercept is fitted, one more
// that is 1.
class Standardizer {
 public:
  Standardizer(const double* mean, const double* inverse_scale, std::ptrdiff_t n_features,
               bool fit_intercept);

  std::ptrdiff_t n_columns() const { return n_columns_; }
  std::ptrdiff_t lines() const { return gram_lines(n_columns_); }
  StandardColumns columns() const {
    return {mean_.data(), inverse_scale_.data(), lines(), n_columns_};
  }

 private:
  std::ptrdiff_t n_columns_;
  AlignedVector<double> mean_, inverse_scale_;
};

// Rows that a pass has read, at most gram_rows at a time. A thread has one of its own.
class StandardTile {
 public:
  virtual ~StandardTile() = default;
  virtual void read(const Rows& rows) = 0;

  // Of the rows last read: out[k] = z_k . u
  virtual void margins(const double* u, double* out) const = 0;
  // gradient += sum_k factors[k] z_k
  virtual void add_rows(const double* factors, double* gradient) const = 0;
  // triangle += sum_k factors[k] z_k z_k' for k from begin to before end, as core/gram.hpp has it
  virtual void add_products(std::ptrdiff_t begin, std::ptrdiff_t end, const double* factors,
                            double* triangle) = 0;
  // out[k] = |L^-1 z_k|^2, or a little more; a tile in lines needs the panels, others the inverse
  virtual void leverages(const LeverageFactor& L, double* out) = 0;
};

// A tile in lines, zeros and all.
class LineTile : public StandardTile {
 public:
  explicit LineTile(const Standardizer& standardizer);

  void margins(const double* u, double* out) const override;
  void add_rows(const double* factors, double* gradient) const override;
  void add_products(std::ptrdiff_t begin, std::ptrdiff_t end, const double* factors,
                    double* triangle) override;
  void leverages(const LeverageFactor& L, double* out) override;

 protected:
  GramTile rows(std::ptrdiff_t begin, std::ptrdiff_t end) const {
    return {tile_.data() + begin * gram_lanes, columns_.lines, end - begin, columns_.columns};
  }

  StandardColumns columns_;
  std::ptrdiff_t n_ = 0;
  AlignedVector<double> tile_, scratch_;
};

// Rows of a matrix, whatever it is made of.
class StandardRows {
 public:
  virtual ~StandardRows() = default;
  virtual std::ptrdiff_t n_samples() const = 0;
  virtual std::ptrdiff_t n_features() const = 0;
  virtual std::unique_ptr<LineTile> line_tile(const Standardizer& standardizer) const = 0;
  // How many products of two elements a row has, on average, in the tile that is the faster one.
  virtual double mean_products(const Standardizer& standardizer) const = 0;
  virtual std::unique_ptr<StandardTile> tile(const Standardizer& standardizer) const = 0;
  bool is_sparse(const Standardizer& standardizer) const {
    return mean_products(standardizer) < static_cast<double>(triangle_size(standardizer.lines()));
  }
};

template <class T> class DenseRows final : public StandardRows {
 public:
  explicit DenseRows(const MatrixView<T>& X) : X_(X) {}

  std::ptrdiff_t n_samples() const override { return X_.rows; }
  std::ptrdiff_t n_features() const override { return X_.columns; }
  std::unique_ptr<LineTile> line_tile(const Standardizer& standardizer) const override;
  double mean_products(const Standardizer& standardizer) const override;
  std::unique_ptr<StandardTile> tile(const Standardizer& standardizer) const override;

 private:
  MatrixView<T> X_;
};

}  // namespace fallline
