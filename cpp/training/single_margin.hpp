// Losses of one margin, by the kernels of their name.
#pragma once

#include "kernels/table.hpp"
#include "training/row_loss.hpp"

namespace fallline {

class SingleMargin final : public RowLoss {
 public:
  explicit SingleMargin(const BoundLoss<double>& loss) : loss_(loss) {}

  std::ptrdiff_t n_vectors() const override { return 1; }
  std::ptrdiff_t n_margins() const override { return 1; }
  std::size_t scratch_size() const override { return 0; }
  const double* margins(const double* products, const double*) const override { return products; }

  double residuals(const TileSamples& samples, const double* products, double*,
                   double* out) const override {
    return loss_.entry
        ->residuals(products, samples.targets, samples.sample_weight, out, samples.n,
                    loss_.parameters)
        .loss;
  }
  void curvatures(const TileSamples& samples, const double* products, const double*, std::ptrdiff_t,
                  std::ptrdiff_t, double* out) const override {
    loss_.entry->curvatures(products, samples.targets, out, samples.n, loss_.parameters);
    const double* s = samples.sample_weight;
    for (std::ptrdiff_t i = 0; s && i < samples.n; ++i) out[i] *= s[i];
  }

 private:
  BoundLoss<double> loss_;
};

}  // namespace fallline
