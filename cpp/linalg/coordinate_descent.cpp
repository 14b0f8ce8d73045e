#include "linalg/coordinate_descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/aligned.hpp"
#include "linalg/cholesky.hpp"

namespace fallline {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

// Sweeps over the coordinates in use before each direct step, which does the rest.
constexpr int most_sweeps = 10;
// Rounds of sweeps and a direct step. Each ends lower, so only rounding errors could go in circles.
constexpr int most_rounds = 200;
// Of the largest gain, what a zero must bring to join in a sweep over all: of columns that can
// stand for each other few are wanted, and each too many costs a direct step (100 columns of near
// infrared spectra, a penalty of a thousandth of the largest: 0.09 ms instead of 56).
constexpr double share_to_join = 0.25;
// What is added to a diagonal of ones, for each row: enough for the factor of a singular matrix.
constexpr double jitter = 8 * eps;

double sign(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0; }

double soft_threshold(double x, double by) { return x > by ? x - by : x < -by ? x + by : 0.0; }

std::size_t at(std::ptrdiff_t k) { return static_cast<std::size_t>(k); }

// A place on the way of a direct step where a coordinate is 0.
struct Kink {
  double t;
  std::ptrdiff_t j;
};

class Descent {
 public:
  Descent(const L1Quadratic& f, double* v)
      : f_(f), v_(v), gradient_(f.g, f.g + f.n), product_(at(f.n)), step_(at(f.n)), all_(at(f.n)) {
    std::iota(all_.begin(), all_.end(), std::ptrdiff_t{0});
  }

  double run() {
    for (int round = 0; round < most_rounds; ++round) {
      const double before = fallen_;
      const bool signs_changed = sweep(all_, share_to_join * largest_gain());
      if (is_settled_ && !signs_changed) break;
      collect();
      for (int k = 0; k < most_sweeps && sweep(used_, 0); ++k) continue;
      // What a step has taken to 0 a sweep may bring back, for ever: more and more in a row.
      for (int k = 0; k <= round; ++k) {
        collect();
        if (!direct_step()) break;
      }
      if (fallen_ - before <= eps * fallen_) break;
    }
    return fallen_;
  }

 private:
  const double* row(std::ptrdiff_t j) const { return f_.H + j * f_.n; }
  double curvature(std::ptrdiff_t j) const { return row(j)[j]; }
  double slope(std::ptrdiff_t j) const { return gradient_[at(j)] + f_.l1[j] * sign(v_[j]); }

  // What a coordinate that is 0 would bring by leaving it, twice.
  double gain(std::ptrdiff_t j) const {
    const double excess = std::max(0.0, std::abs(gradient_[at(j)]) - f_.l1[j]);
    return curvature(j) > 0 ? excess * excess / curvature(j) : 0.0;
  }

  double largest_gain() const {
    double largest = 0;
    for (std::ptrdiff_t j = 0; j < f_.n; ++j) {
      if (v_[j] == 0) largest = std::max(largest, gain(j));
    }
    return largest;
  }

  // Takes each coordinate to its minimum in turn, but leaves zeros that would bring less than
  // `least`; returns whether a sign has changed.
  bool sweep(const std::vector<std::ptrdiff_t>& coordinates, double least) {
    bool signs_changed = false;
    for (const std::ptrdiff_t j : coordinates) {
      const double old = v_[j], h = curvature(j), g = gradient_[at(j)], l1 = f_.l1[j];
      if (old == 0 && gain(j) < least) continue;
      double value = l1 > 0 ? 0.0 : old;
      if (h > 0) value = soft_threshold(h * old - g, l1) / h;
      const double step = value - old;
      if (step == 0) continue;
      fallen_ +=
          std::max(0.0, l1 * (std::abs(old) - std::abs(value)) - step * (g + 0.5 * h * step));
      v_[j] = value;
      add(step, row(j), gradient_);
      signs_changed = signs_changed || (l1 > 0 && sign(value) != sign(old));
    }
    return signs_changed;
  }

  void add(double factor, const double* from, std::vector<double>& to) const {
    for (std::ptrdiff_t i = 0; i < f_.n; ++i) to[at(i)] += factor * from[i];
  }

  // The coordinates that are not at a kink.
  void collect() {
    used_.clear();
    for (std::ptrdiff_t j = 0; j < f_.n; ++j) {
      if (curvature(j) > 0 && (v_[j] != 0 || f_.l1[j] == 0)) used_.push_back(j);
    }
  }

  // To the minimum for the signs as they are, or to that on the way there; returns whether that is
  // where a coordinate has become 0.
  bool direct_step() {
    const std::size_t m = used_.size();
    is_settled_ = m == 0;
    if (m == 0) return false;
    scale_.resize(m);
    for (std::size_t k = 0; k < m; ++k) scale_[k] = 1 / std::sqrt(curvature(used_[k]));
    triangle_.resize(m * m);
    for (std::size_t i = 0; i < m; ++i) {
      const double* from = row(used_[i]);
      double* to = triangle_.data() + i * m;
      for (std::size_t k = 0; k < i; ++k) to[k] = from[used_[k]] * (scale_[i] * scale_[k]);
      to[i] = 1 + jitter * static_cast<double>(m);
    }
    if (cholesky(triangle_.data(), static_cast<std::ptrdiff_t>(m)) >= 0) return false;
    std::fill(step_.begin(), step_.end(), 0.0);
    std::fill(product_.begin(), product_.end(), 0.0);
    // The second time makes up for the jitter.
    for (int k = 0; k < 2; ++k) solve();
    return move();
  }

  // Adds to the step what solves for the residual, and to the product H times that.
  void solve() {
    const std::size_t m = used_.size();
    residual_.resize(m);
    for (std::size_t k = 0; k < m; ++k) {
      residual_[k] = -(slope(used_[k]) + product_[at(used_[k])]) * scale_[k];
    }
    solve_cholesky(triangle_.data(), static_cast<std::ptrdiff_t>(m), residual_.data(), 1);
    for (std::size_t k = 0; k < m; ++k) {
      const double step = residual_[k] * scale_[k];
      step_[at(used_[k])] += step;
      add(step, row(used_[k]), product_);
    }
  }

  // Along the step to the minimum, over kinks where it lies beyond them; returns whether at one.
  bool move() {
    double falls = 0, bends = 0;
    kinks_.clear();
    for (const std::ptrdiff_t j : used_) {
      const double step = step_[at(j)];
      falls += slope(j) * step;
      bends += product_[at(j)] * step;
      const double t = -v_[j] / step;
      if (f_.l1[j] > 0 && t > 0 && t < 1) kinks_.push_back({t, j});
    }
    if (!(falls < 0)) return false;
    bends = std::max(bends, 0.0);  // where columns are combinations of others it is rounding errors
    std::sort(kinks_.begin(), kinks_.end(),
              [](const Kink& a, const Kink& b) { return a.t != b.t ? a.t < b.t : a.j < b.j; });
    is_settled_ = true;
    double t = -1, before = 0;  // what the slope grew by at kinks counts from there on only
    std::ptrdiff_t landed = -1;
    for (const Kink& kink : kinks_) {
      if (falls + bends * kink.t >= 0) break;
      is_settled_ = false;
      const double grows = 2 * f_.l1[kink.j] * std::abs(step_[at(kink.j)]);
      falls += grows;
      before += grows * kink.t;
      if (falls + bends * kink.t >= 0) {
        t = kink.t;
        landed = kink.j;
        break;
      }
    }
    if (landed < 0) t = std::min(1.0, -falls / bends);
    fallen_ += std::max(0.0, before - t * (falls + 0.5 * bends * t));
    for (const std::ptrdiff_t j : used_) v_[j] += t * step_[at(j)];
    if (landed >= 0) v_[landed] = 0;
    add(t, product_.data(), gradient_);
    return landed >= 0;
  }

  const L1Quadratic& f_;
  double* v_;
  std::vector<double> gradient_, product_, step_;  // of the quadratic part at v; H step; step
  std::vector<double> scale_, residual_;           // of the coordinates in use
  AlignedVector<double> triangle_;
  std::vector<std::ptrdiff_t> all_, used_;
  std::vector<Kink> kinks_;
  double fallen_ = 0;
  bool is_settled_ = false;  // the last direct step went to its end without a kink
};

}  // namespace

double minimize(const L1Quadratic& f, double* v) { return Descent(f, v).run(); }

}  // namespace fallline
