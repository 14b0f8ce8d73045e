// Exact steps of dual coordinate ascent, one struct per loss: what the dual variable of a row
// becomes when all others stay (Shalev-Shwartz & Zhang 2013, "Stochastic dual coordinate ascent
// methods for regularized loss minimization", section 6).
//
// A dual variable a is a derivative of the loss in the margin. When it changes by D, the margin z
// of its own row changes by -curvature D, with a curvature above 0; `next` returns the a that is
// then the derivative there. `excess` is loss(z) + conjugate(a) - a z, the row's part of the
// duality gap.
#pragma once

#include <algorithm>
#include <cmath>
#include <variant>

#include "training/exponential.hpp"

namespace fallline {

struct SquaredStep {
  static constexpr const char* name = "squared";
  explicit SquaredStep(const double*) {}
  double next(double z, double y, double a, double curvature) const {
    return (z - y + curvature * a) / (1 + curvature);
  }
  double excess(double z, double y, double a) const {
    const double lack = z - y - a;
    return 0.5 * lack * lack;
  }
};

struct HuberStep {
  static constexpr const char* name = "huber";
  double delta;
  explicit HuberStep(const double* parameters) : delta(parameters[0]) {}
  double next(double z, double y, double a, double curvature) const {
    return std::clamp((z - y + curvature * a) / (1 + curvature), -delta, delta);
  }
  double excess(double z, double y, double a) const {
    const double error = z - y, bent = std::min(delta, std::abs(error));
    return bent * (std::abs(error) - 0.5 * bent) + a * (0.5 * a - error);
  }
};

struct QuantileStep {
  static constexpr const char* name = "quantile";
  double quantile;
  explicit QuantileStep(const double* parameters) : quantile(parameters[0]) {}
  double next(double z, double y, double a, double curvature) const {
    return std::clamp((z - y + curvature * a) / curvature, -quantile, 1 - quantile);
  }
  double excess(double z, double y, double a) const {
    const double error = z - y;
    return std::max(-quantile * error, (1 - quantile) * error) - a * error;
  }
};

// What is left of x beyond epsilon.
inline double beyond(double x, double epsilon) {
  return std::copysign(std::max(0.0, std::abs(x) - epsilon), x);
}

struct EpsilonInsensitiveStep {
  static constexpr const char* name = "epsilon_insensitive";
  double epsilon;
  explicit EpsilonInsensitiveStep(const double* parameters) : epsilon(parameters[0]) {}
  double next(double z, double y, double a, double curvature) const {
    return std::clamp(beyond(z - y + curvature * a, epsilon) / curvature, -1.0, 1.0);
  }
  double excess(double z, double y, double a) const {
    return std::abs(beyond(z - y, epsilon)) + epsilon * std::abs(a) - a * (z - y);
  }
};

struct SquaredEpsilonInsensitiveStep {
  static constexpr const char* name = "squared_epsilon_insensitive";
  double epsilon;
  explicit SquaredEpsilonInsensitiveStep(const double* parameters) : epsilon(parameters[0]) {}
  double next(double z, double y, double a, double curvature) const {
    return beyond(z - y + curvature * a, epsilon) / (0.5 + curvature);
  }
  double excess(double z, double y, double a) const {
    const double error = beyond(z - y, epsilon);
    return error * error + std::abs(a) * (0.25 * std::abs(a) + epsilon) - a * (z - y);
  }
};

// Of the losses of m = y z the dual variable is -y u with u from 0 on.
struct HingeStep {
  static constexpr const char* name = "hinge";
  explicit HingeStep(const double*) {}
  double next(double z, double y, double a, double curvature) const {
    return -y * std::clamp((1 - y * (z + curvature * a)) / curvature, 0.0, 1.0);
  }
  double excess(double z, double y, double a) const {
    const double lack = 1 - y * z;
    return std::max(0.0, lack) + y * a * lack;
  }
};

struct SquaredHingeStep {
  static constexpr const char* name = "squared_hinge";
  explicit SquaredHingeStep(const double*) {}
  double next(double z, double y, double a, double curvature) const {
    return -y * std::max(0.0, (1 - y * (z + curvature * a)) / (0.5 + curvature));
  }
  double excess(double z, double y, double a) const {
    const double lack = 1 - y * z, positive = std::max(0.0, lack);
    return positive * positive + 0.25 * a * a + y * a * lack;
  }
};

struct ModifiedHuberStep {
  static constexpr const char* name = "modified_huber";
  explicit ModifiedHuberStep(const double*) {}
  double next(double z, double y, double a, double curvature) const {
    return -y * std::clamp((1 - y * (z + curvature * a)) / (0.5 + curvature), 0.0, 4.0);
  }
  double excess(double z, double y, double a) const {
    const double lack = 1 - y * z, bent = std::clamp(lack, 0.0, 2.0);
    return bent * (2 * std::max(0.0, lack) - bent) + 0.25 * a * a + y * a * lack;
  }
};

struct LogisticStep {
  static constexpr const char* name = "logistic";
  explicit LogisticStep(const double*) {}

  // u = p(m) at m = m0 + curvature (u - u0), p(m) the probability 1 / (1 + e^m) of a mistake. With
  // one step of Newton's method from m0, u is a mean of u0 and p(m0), and so stays in (0, 1). Where
  // the margin goes far in it, the equation is solved between the two ends of its way.
  double next(double z, double y, double a, double curvature) const {
    const double m = y * z, u = -y * a, p = of_mistake(m);
    const double change = (p - u) / (1 + curvature * p * (1 - p));
    if (std::abs(curvature * change) <= largest_single_step) return -y * (u + change);
    return -y * of_mistake(root(m, u, curvature, m + curvature * change));
  }

  // To the second order: the exact one has three logarithms, and is a guide only.
  double excess(double z, double y, double a) const {
    const double p = of_mistake(y * z), lack = p + y * a;
    return 0.5 * lack * lack / std::max(p * (1 - p), smallest_variance);
  }

 private:
  // Newton's method is then good to a part in a thousand, and the next epoch begins there.
  static constexpr double largest_single_step = 0.25;
  static constexpr double smallest_variance = 1e-300;
  static constexpr int most_steps = 30;
  static constexpr double tolerance = 1e-3;  // of the margin: the next epoch goes on from there

  static double of_mistake(double m) {
    const double e = exp_of_negative(-std::abs(m));
    return (m > 0 ? e : 1.0) / (1 + e);
  }

  // The m with m - curvature p(m) = m0 - curvature u0, which rises: Newton's method with bisection.
  static double root(double m0, double u0, double curvature, double guess) {
    const double base = m0 - curvature * u0;
    double low = base, high = base + curvature, m = std::clamp(guess, low, high);
    for (int step = 0; step < most_steps && high - low > tolerance; ++step) {
      const double p = of_mistake(m), value = m - curvature * p - base;
      (value > 0 ? high : low) = m;
      const double way = value / (1 + curvature * p * (1 - p));
      m -= way;
      if (!(m > low && m < high))
        m = 0.5 * (low + high);
      else if (std::abs(way) <= tolerance)
        break;
    }
    return m;
  }
};

using AnyDualStep = std::variant<SquaredStep, HuberStep, QuantileStep, EpsilonInsensitiveStep,
                                 SquaredEpsilonInsensitiveStep, HingeStep, SquaredHingeStep,
                                 ModifiedHuberStep, LogisticStep>;

}  // namespace fallline
