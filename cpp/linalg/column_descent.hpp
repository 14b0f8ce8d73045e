// Coordinate descent on a quadratic model of F, column by column: for more of them than a Hessian
// could have, or where their elements are few.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/interrupt.hpp"

namespace fallline {

// Columns of a matrix with n_rows rows: column j has values[starts[j]] to values[starts[j + 1]],
// which are in the rows of that name; without these they are all that it has, in order.
struct Columns {
  const double* values;
  const std::int32_t* rows;
  const std::int64_t* starts;
  std::ptrdiff_t n_columns, n_rows;
};

// sum_i (slopes[i] t_i + curvatures[i] t_i^2 / 2) + l2 |v|^2 / 2 + l1 |v|_1, where
// t = X (v - w) + c with the best c if fit_intercept, and w where v begins. The sum of the slopes
// is zero then.
struct ColumnModel {
  const double* slopes;
  const double* curvatures;  // not negative
  double l1, l2;
  bool fit_intercept;
};

// When to end: what is expected to come is within least, or within share of what has come; or so
// many elements have been read.
struct ColumnGoal {
  double least, share;
  std::int64_t most_elements;
};

struct ColumnResult {
  double intercept;       // c
  double decrease;        // of the model
  double left;            // about what it could still fall by
  std::int64_t elements;  // that were read
};

// Moves v, in place, and writes t. Returns whether it came to an end; interrupted it has not.
bool column_descent(const Columns& X, const ColumnModel& model, const ColumnGoal& goal, double* v,
                    double* t, ColumnResult& result, Interrupt& interrupt);

}  // namespace fallline
