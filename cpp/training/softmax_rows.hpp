// The softmax loss of K classes as a function of K - 1 products, in which nothing is left free.
//
// Margins of all classes may rise together without any change. So the classes' weights are sums of
// K - 1 vectors by an orthonormal basis of what adds up to zero, that of Helmert: with
// c_k = 1 / sqrt((k + 1) (k + 2)), vector k counts c_k for the classes 0 to k, -(k + 1) c_k for
// class k + 1 and nothing for the others.
#pragma once

#include <vector>

#include "kernels/table.hpp"
#include "training/row_loss.hpp"

namespace fallline {

class SoftmaxRows final : public RowLoss {
 public:
  explicit SoftmaxRows(std::ptrdiff_t n_classes);

  std::ptrdiff_t n_vectors() const override { return n_classes_ - 1; }
  std::ptrdiff_t n_margins() const override { return n_classes_; }
  std::size_t scratch_size() const override;

  double residuals(const TileSamples& samples, const double* products, double* scratch,
                   double* out) const override;
  const double* margins(const double*, const double* scratch) const override { return scratch; }
  void curvatures(const TileSamples& samples, const double* products, const double* scratch,
                  std::ptrdiff_t vector, std::ptrdiff_t other, double* out) const override;

 private:
  void find_margins(std::ptrdiff_t n, const double* products, double* margins) const;
  void find_curvatures(std::ptrdiff_t n, double* scratch) const;

  std::ptrdiff_t n_classes_;
  std::vector<double> basis_;              // the c_k
  Unary<double> exponential_, logarithm_;  // of 1 + x
};

}  // namespace fallline
