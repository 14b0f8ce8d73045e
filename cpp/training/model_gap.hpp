// The duality gap of losses at the derivatives that their quadratic models expect elsewhere.
#pragma once

#include "kernels/table.hpp"

namespace fallline {

struct ModelGapTask {
  BoundLoss<double> loss;  // with a conjugate
  const double* margins;   // where the models are made
  const double* ends;      // margins where the gap is wanted
  const double* targets;
  const double* sample_weight;  // null: every row weighs 1
  double* clipped;              // of n zeros: what is added to a d that the loss cannot have
  std::ptrdiff_t n;
};

// Weighted sums over the rows with positive weight, with d = l'(z) + l''(z) (z' - z), clipped to
// what the loss can have: of l(z') + l*(d) - d z', of the sizes of these three, and of |l'(z)| and
// what is clipped; and the number of rows where something is.
struct ModelGap {
  double excess, sizes, slopes, n_clipped;
};

// All sums infinite where one of them is not finite.
ModelGap model_gap(const ModelGapTask& task);

}  // namespace fallline
