#include "training/column_descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace fallline {
namespace {

// Columns between two looks at the user's signals.
constexpr std::ptrdiff_t block_columns = 256;

// Of what a sweep over all columns may leave, the share that the sweeps over those in use leave.
constexpr double share_in_use = 0.3;

// Sweeps become better by no less than this, or there would be no end to wait for.
constexpr double slowest = 0.999;

std::size_t at(std::ptrdiff_t k) { return static_cast<std::size_t>(k); }

// Of a row, side by side as they are read together.
struct Row {
  double curvature, t;
};

class Descent {
 public:
  Descent(const Columns& X, const ColumnModel& model, double* v)
      : X_(X),
        model_(model),
        v_(v),
        rows_(at(X.n_rows)),
        slopes_(at(X.n_columns)),
        means_(at(X.n_columns)),
        curvatures_(at(X.n_columns)) {
    for (std::ptrdiff_t i = 0; i < X.n_rows; ++i) {
      rows_[at(i)].curvature = model.curvatures[i];
      total_ += model.curvatures[i];
    }
    fits_intercept_ = model.fit_intercept && total_ > 0;
    for (std::ptrdiff_t j = 0; j < X.n_columns; ++j) measure(j);
  }

  bool run(const ColumnGoal& goal, ColumnResult& result, double* t, Interrupt& interrupt) {
    std::vector<std::ptrdiff_t> all(at(X_.n_columns)), used;
    for (std::ptrdiff_t j = 0; j < X_.n_columns; ++j) all[at(j)] = j;
    while (elements_ < goal.most_elements) {
      const double fallen = sweep(all, interrupt);
      left_ = fallen;
      if (interrupt.stopped() || left_ <= goal_now(goal)) break;
      used.clear();
      for (const std::ptrdiff_t j : all) {
        if (v_[j] != 0) used.push_back(j);
      }
      double before = fallen;
      while (elements_ < goal.most_elements && !interrupt.stopped()) {
        const double now = sweep(used, interrupt);
        const double ratio = before > 0 ? std::min(now / before, slowest) : 0.0;
        before = now;
        left_ = now * ratio / (1 - ratio);
        if (left_ <= share_in_use * goal_now(goal)) break;
      }
    }
    result = {intercept_, fallen_, left_, elements_};
    for (std::ptrdiff_t i = 0; i < X_.n_rows; ++i) t[i] = rows_[at(i)].t + intercept_;
    return !interrupt.stopped();
  }

 private:
  double goal_now(const ColumnGoal& goal) const {
    return std::max(goal.least, goal.share * fallen_);
  }

  std::ptrdiff_t row_of(std::ptrdiff_t k, std::ptrdiff_t begin) const {
    return X_.rows ? X_.rows[k] : k - begin;
  }

  // Elements that are stored twice are next to each other, and count as their sum.
  void measure(std::ptrdiff_t j) {
    const std::ptrdiff_t begin = X_.starts[j], end = X_.starts[j + 1];
    double slope = 0, mean = 0, curvature = 0;
    for (std::ptrdiff_t k = begin; k < end;) {
      const std::ptrdiff_t i = row_of(k, begin);
      double x = 0;
      for (; k < end && row_of(k, begin) == i; ++k) x += X_.values[k];
      slope += x * model_.slopes[i];
      mean += x * model_.curvatures[i];
      curvature += x * x * model_.curvatures[i];
    }
    if (fits_intercept_) curvature = std::max(0.0, curvature - mean * mean / total_);
    slopes_[at(j)] = slope;
    means_[at(j)] = mean;
    curvatures_[at(j)] = curvature + model_.l2;
  }

  // Takes each column's weight to its minimum in turn; returns by how much the model falls.
  double sweep(const std::vector<std::ptrdiff_t>& columns, Interrupt& interrupt) {
    double fallen = 0;
    std::ptrdiff_t count = 0;
    for (const std::ptrdiff_t j : columns) {
      if (count++ % block_columns == 0) {
        interrupt.poll();
        if (interrupt.stopped()) break;
      }
      elements_ += X_.starts[j + 1] - X_.starts[j];
      fallen += X_.rows ? move<true>(j) : move<false>(j);
    }
    fallen_ += fallen;
    return fallen;
  }

  // Without a curvature it is at 0, or nowhere.
  double minimum(double old, double g, double h) const {
    const double l1 = model_.l1;
    if (!(h > 0)) return std::abs(g) <= l1 ? 0.0 : old;
    const double free = h * old - g;
    return free > l1 ? (free - l1) / h : free < -l1 ? (free + l1) / h : 0.0;
  }

  template <bool sparse> double move(std::ptrdiff_t j) {
    const std::ptrdiff_t begin = X_.starts[j], count = X_.starts[j + 1] - begin;
    const double* x = X_.values + begin;
    const std::int32_t* rows = sparse ? X_.rows + begin : nullptr;
    const auto row = [&](std::ptrdiff_t k) { return sparse ? at(rows[k]) : at(k); };
    const auto term = [&](std::ptrdiff_t k) {
      const Row& of = rows_[row(k)];
      return x[k] * (of.curvature * of.t);
    };
    double sums[4] = {};
    std::ptrdiff_t k = 0;
    for (; k + 4 <= count; k += 4) {
      for (std::ptrdiff_t l = 0; l < 4; ++l) sums[l] += term(k + l);
    }
    for (; k < count; ++k) sums[0] += term(k);
    const double old = v_[j], l1 = model_.l1, h = curvatures_[at(j)];
    const double g = slopes_[at(j)] + ((sums[0] + sums[1]) + (sums[2] + sums[3])) +
                     intercept_ * means_[at(j)] + model_.l2 * old;
    const double value = minimum(old, g, h);
    const double step = value - old;
    if (step == 0) return 0;
    v_[j] = value;
    for (k = 0; k < count; ++k) rows_[row(k)].t += x[k] * step;
    if (fits_intercept_) intercept_ -= means_[at(j)] * step / total_;
    return std::max(0.0, l1 * (std::abs(old) - std::abs(value)) - step * (g + 0.5 * h * step));
  }

  const Columns& X_;
  const ColumnModel& model_;
  double* v_;
  std::vector<Row> rows_;
  std::vector<double> slopes_, means_, curvatures_;  // of the columns
  double total_ = 0;                                 // of the rows' curvatures
  bool fits_intercept_ = false;
  double intercept_ = 0, fallen_ = 0, left_ = std::numeric_limits<double>::infinity();
  std::int64_t elements_ = 0;
};

}  // namespace

bool column_descent(const Columns& X, const ColumnModel& model, const ColumnGoal& goal, double* v,
                    double* t, ColumnResult& result, Interrupt& interrupt) {
  return Descent(X, model, v).run(goal, result, t, interrupt);
}

}  // namespace fallline
