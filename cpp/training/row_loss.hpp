// A loss as a second-order pass sees it: a function of one product of each row and every vector of
// weights. Numbers of the rows of a tile lie as [vector][row], gram_rows to each.
#pragma once

#include <cstddef>

namespace fallline {

struct TileSamples {
  const double* targets;
  const double* sample_weight;  // null: every row weighs 1
  std::ptrdiff_t n;
};

class RowLoss {
 public:
  virtual ~RowLoss() = default;

  virtual std::ptrdiff_t n_vectors() const = 0;  // of weights
  virtual std::ptrdiff_t n_margins() const = 0;  // of a row
  virtual std::size_t scratch_size() const = 0;

  // The sum of the weighted losses; writes their derivatives in the products.
  virtual double residuals(const TileSamples& samples, const double* products, double* scratch,
                           double* out) const = 0;
  // The margins that residuals() has left behind, [margin][row].
  virtual const double* margins(const double* products, const double* scratch) const = 0;
  // After residuals() of the same rows: the weighted second derivatives in two of the products.
  virtual void curvatures(const TileSamples& samples, const double* products, const double* scratch,
                          std::ptrdiff_t vector, std::ptrdiff_t other, double* out) const = 0;
};

}  // namespace fallline
