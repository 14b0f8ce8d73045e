#pragma once

#include "losses/domain.hpp"

// max(0, 1 - m)^2 of m = target * margin, target -1 or +1; the curvature at m = 1 is 0.
struct SquaredHinge {
  static constexpr const char* name = "squared_hinge";
  static constexpr int n_parameters = 0;
  double smoothness() const { return 2; }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    const V lack = max(constant<V>(0), constant<V>(1) - target * margin);
    return lack * lack;
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    const V lack = max(constant<V>(0), constant<V>(1) - target * margin);
    return constant<V>(-2) * target * lack;
  }
  template <class V> FALLLINE_INLINE V curvature(V margin, V target) const {
    return select_negative(target * margin - constant<V>(1), constant<V>(2), constant<V>(0));
  }
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    const V u = target * dual;
    return within(-__builtin_inf(), 0, u, fma(constant<V>(0.25) * u, u, u));
  }
};
