// The losses of rows one at a time, in float64.
#pragma once

#include "kernels/table.hpp"

namespace fallline {

struct RowLosses {
  BoundLoss<double> loss;
  const double* targets;
  const double* sample_weight;  // null: every row weighs 1
  double scale;                 // of every weight

  double weight(std::ptrdiff_t i) const { return sample_weight ? scale * sample_weight[i] : scale; }

  // The weighted loss at a margin of row i; writes its derivative.
  double at(std::ptrdiff_t i, double margin, double* derivative) const {
    const double s = weight(i);
    return loss.entry->residuals(&margin, targets + i, &s, derivative, 1, loss.parameters).loss;
  }
  double value(std::ptrdiff_t i, double margin) const {
    double derivative;
    return at(i, margin, &derivative);
  }
  double curvature(std::ptrdiff_t i, double margin) const {
    double found;
    loss.entry->curvatures(&margin, targets + i, &found, 1, loss.parameters);
    return weight(i) * found;
  }
};

}  // namespace fallline
