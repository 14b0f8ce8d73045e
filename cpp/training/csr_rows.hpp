// Sparse rows as tiles of standardised columns: in lines, or of their stored elements alone.
#pragma once

#include "training/standard_rows.hpp"

namespace fallline {

template <class T, class I> class CsrRows final : public StandardRows {
 public:
  explicit CsrRows(const CsrView<T, I>& X) : X_(X) {}

  std::ptrdiff_t n_samples() const override { return X_.rows; }
  std::ptrdiff_t n_features() const override { return X_.columns; }
  std::unique_ptr<LineTile> line_tile(const Standardizer& standardizer) const override;
  double mean_products(const Standardizer& standardizer) const override;
  std::unique_ptr<StandardTile> tile(const Standardizer& standardizer) const override;

 private:
  CsrView<T, I> X_;
};

}  // namespace fallline
