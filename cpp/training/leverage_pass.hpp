// One pass over rows for the certificate of a second-order step.
#pragma once

#include "core/interrupt.hpp"
#include "training/standard_rows.hpp"

namespace fallline {

struct LeverageTask {
  const double* L;              // lower triangular, row-major, of all columns
  const double* sample_weight;  // of every row of X; null: every row counts, else those above 0
  Rows rows;
  double* leverages;  // of each row that is visited; null: only the largest is wanted
};

// The largest |L^-1 z|^2 of the rows, or a little more, by as much as it may be rounded; 0 of none,
// and NaN if one of them is. False if the user interrupted.
bool largest_leverage(const StandardRows& X, const Standardizer& standardizer,
                      const LeverageTask& task, double& largest, Interrupt& interrupt);

}  // namespace fallline
