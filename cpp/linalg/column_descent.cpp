#include "linalg/column_descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "linalg/cholesky.hpp"

namespace fallline {
namespace {

// Columns between two looks at the user's signals.
constexpr std::ptrdiff_t block_columns = 256;

// Of what a sweep over all columns may leave, the share that the sweeps over those in use leave.
constexpr double share_in_use = 0.3;

// Sweeps become better by no less than this, or there would be no end to wait for.
constexpr double slowest = 0.999;

// Sweeps between two extrapolations, and what is added to the diagonal of the equations for one, as
// a share of its sum.
constexpr std::size_t extrapolated_from = 5;
constexpr double extrapolation_jitter = 1e-12;

std::size_t at(std::ptrdiff_t k) { return static_cast<std::size_t>(k); }

// Of a row, side by side as they are read together.
struct Row {
  double curvature, t;
};

// Where sweeps have led, one after the other.
struct Iterates {
  std::vector<std::vector<double>> v;  // of the columns in use
  std::vector<std::vector<double>> t;  // of the rows
  std::vector<double> intercept;

  std::size_t count() const { return v.size(); }
  void clear() {
    v.clear();
    t.clear();
    intercept.clear();
  }
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
      iterates_.clear();
      while (elements_ < goal.most_elements && !interrupt.stopped()) {
        const double now = sweep(used, interrupt);
        remember(used);
        if (iterates_.count() > extrapolated_from) extrapolate(used);
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

  void remember(const std::vector<std::ptrdiff_t>& used) {
    std::vector<double> v(used.size()), t(rows_.size());
    for (std::size_t k = 0; k < v.size(); ++k) v[k] = v_[used[k]];
    for (std::size_t i = 0; i < t.size(); ++i) t[i] = rows_[i].t;
    iterates_.v.push_back(std::move(v));
    iterates_.t.push_back(std::move(t));
    iterates_.intercept.push_back(intercept_);
  }

  // Goes to the combination of the last iterates whose step is the smallest, if the model is lower
  // there (Bertrand & Massias 2021, "Anderson acceleration of coordinate descent", algorithm 1).
  void extrapolate(const std::vector<std::ptrdiff_t>& used) {
    std::vector<double> v(used.size()), t(rows_.size()), shares(extrapolated_from);
    double intercept = 0;
    if (smallest_step(shares)) {
      for (std::size_t k = 0; k < extrapolated_from; ++k) {
        add(shares[k], iterates_.v[k + 1], v);
        add(shares[k], iterates_.t[k + 1], t);
        intercept += shares[k] * iterates_.intercept[k + 1];
      }
      const double change = difference(used, v, t, intercept);
      if (change < 0) {
        for (std::size_t k = 0; k < v.size(); ++k) v_[used[k]] = v[k];
        for (std::size_t i = 0; i < t.size(); ++i) rows_[i].t = t[i];
        intercept_ = intercept;
        fallen_ -= change;
      }
    }
    iterates_.clear();
  }

  static void add(double factor, const std::vector<double>& from, std::vector<double>& to) {
    for (std::size_t k = 0; k < to.size(); ++k) to[k] += factor * from[k];
  }

  // Shares that add up to 1 and make the sum of the steps between iterates small.
  bool smallest_step(std::vector<double>& shares) const {
    const auto n = static_cast<std::ptrdiff_t>(shares.size());
    std::vector<double> gram(shares.size() * shares.size());
    const auto& v = iterates_.v;
    for (std::size_t a = 0; a < shares.size(); ++a) {
      for (std::size_t b = 0; b <= a; ++b) {
        double sum = 0;
        for (std::size_t k = 0; k < v[0].size(); ++k) {
          sum += (v[a + 1][k] - v[a][k]) * (v[b + 1][k] - v[b][k]);
        }
        gram[a * shares.size() + b] = sum;
      }
    }
    double trace = 0;
    for (std::size_t a = 0; a < shares.size(); ++a) trace += gram[a * (shares.size() + 1)];
    if (!(trace > 0)) return false;
    for (std::size_t a = 0; a < shares.size(); ++a) {
      gram[a * (shares.size() + 1)] += extrapolation_jitter * trace;
    }
    if (cholesky(gram.data(), n) >= 0) return false;
    std::fill(shares.begin(), shares.end(), 1.0);
    solve_cholesky(gram.data(), n, shares.data(), 1);
    double sum = 0;
    for (const double share : shares) sum += share;
    for (double& share : shares) share /= sum;
    return sum != 0;
  }

  // By how much the model is higher elsewhere, from the differences, as its terms would cancel.
  double difference(const std::vector<std::ptrdiff_t>& used, const std::vector<double>& v,
                    const std::vector<double>& t, double intercept) const {
    double sum = 0;
    for (std::size_t i = 0; i < t.size(); ++i) {
      const double here = rows_[i].t + intercept_, there = t[i] + intercept;
      sum += (there - here) * (model_.slopes[i] + 0.5 * rows_[i].curvature * (there + here));
    }
    for (std::size_t k = 0; k < v.size(); ++k) {
      const double old = v_[used[k]];
      sum += 0.5 * model_.l2 * (v[k] - old) * (v[k] + old);
      sum += model_.l1 * (std::abs(v[k]) - std::abs(old));
    }
    return sum;
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
  Iterates iterates_;
};

}  // namespace

bool column_descent(const Columns& X, const ColumnModel& model, const ColumnGoal& goal, double* v,
                    double* t, ColumnResult& result, Interrupt& interrupt) {
  return Descent(X, model, v).run(goal, result, t, interrupt);
}

}  // namespace fallline
