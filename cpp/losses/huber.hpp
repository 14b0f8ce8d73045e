#pragma once

#include "losses/domain.hpp"

// Huber (1964), "Robust estimation of a location parameter": half the square of the error r up to
// |r| = delta, from there its tangent delta |r| - delta^2 / 2. The curvature at |r| = delta is 0.
struct Huber {
  static constexpr const char* name = "huber";
  static constexpr int n_parameters = 1;
  double delta;
  explicit Huber(const double* parameters) : delta(parameters[0]) {}
  double smoothness() const { return 1; }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    const V error = abs(margin - target);
    const V bent = min(constant<V>(delta), error);
    return bent * (error - constant<V>(0.5) * bent);
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    return min(constant<V>(delta), max(constant<V>(-delta), margin - target));
  }
  template <class V> FALLLINE_INLINE V curvature(V margin, V target) const {
    return select_negative(abs(margin - target) - constant<V>(delta), constant<V>(1),
                           constant<V>(0));
  }
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    return within(-delta, delta, dual, dual * fma(constant<V>(0.5), dual, target));
  }
};
