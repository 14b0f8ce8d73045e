// One epoch of stochastic dual coordinate ascent for a loss with an L2 penalty, on one thread: each
// row sees what all before it have done.
#pragma once

#include "core/interrupt.hpp"
#include "training/dual_steps.hpp"
#include "training/row_reader.hpp"

namespace fallline {

struct DualTask {
  const std::int64_t* order;  // of all rows
  const double* targets;
  const double* sample_weight;  // null: every row weighs 1
  const double* squared_norms;  // of the rows
  double rate;                  // 1 / (alpha S): of the weights to the sum of s a x
  double intercept_rate;        // of the intercept to the sum of s a; 0 without one
};

// What an epoch changes. The weights are those that the dual variables make.
struct DualPoint {
  double* duals;
  double* w;
  double intercept;
  double gap;  // sum of the rows' weighted parts of the duality gap, each when its turn came
};

// False if the user interrupted: the point is then one between two rows.
bool dual_epoch(const AnyReader& X, const AnyDualStep& step, const DualTask& task, DualPoint& point,
                Interrupt& interrupt);

}  // namespace fallline
