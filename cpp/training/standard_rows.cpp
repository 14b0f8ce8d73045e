#include "training/standard_rows.hpp"

#include <algorithm>

namespace fallline {
namespace {

template <class T> class DenseTile final : public LineTile {
 public:
  DenseTile(const MatrixView<T>& X, const Standardizer& standardizer)
      : LineTile(standardizer), X_(X) {}

  void read(const Rows& rows) override {
    n_ = rows.end - rows.begin;
    if (!X_.unpack) {
      kernels<T>().standardize(X_, rows, columns_, tile_.data());
      return;
    }
    const std::ptrdiff_t stride = padded_size<T>(X_.columns);
    unpacked_.resize(static_cast<std::size_t>(gram_rows * stride));
    X_.unpack(X_, rows, unpacked_.data(), stride);
    kernels<T>().standardize({unpacked_.data(), n_, X_.columns, stride}, {nullptr, 0, n_}, columns_,
                             tile_.data());
  }

 private:
  MatrixView<T> X_;
  AlignedVector<T> unpacked_;
};

}  // namespace

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

LineTile::LineTile(const Standardizer& standardizer)
    : columns_(standardizer.columns()),
      tile_(static_cast<std::size_t>(gram_tile_size(columns_.lines))) {}

void LineTile::margins(const double* u, double* out) const {
  kernels<double>().gram.margins(rows(0, n_), u, out);
}

void LineTile::add_rows(const double* factors, double* gradient) const {
  kernels<double>().gram.add_rows(rows(0, n_), factors, gradient);
}

void LineTile::add_products(std::ptrdiff_t begin, std::ptrdiff_t end, const double* factors,
                            double* triangle) {
  scratch_.resize(tile_.size());
  kernels<double>().gram.add_products(rows(begin, end), factors + begin, scratch_.data(), triangle);
}

void LineTile::leverages(const LeverageFactor& L, double* out) {
  scratch_.resize(tile_.size());
  kernels<double>().gram.leverages(rows(0, n_), L.panels.data(), scratch_.data(), out);
}

template <class T>
std::unique_ptr<LineTile> DenseRows<T>::line_tile(const Standardizer& standardizer) const {
  return std::make_unique<DenseTile<T>>(X_, standardizer);
}

template <class T> double DenseRows<T>::mean_products(const Standardizer& standardizer) const {
  return static_cast<double>(triangle_size(standardizer.lines()));
}

template <class T>
std::unique_ptr<StandardTile> DenseRows<T>::tile(const Standardizer& standardizer) const {
  return line_tile(standardizer);
}

template class DenseRows<float>;
template class DenseRows<double>;

}  // namespace fallline
