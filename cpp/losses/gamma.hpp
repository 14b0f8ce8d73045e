#pragma once

#include "losses/domain.hpp"

// Half the unit deviance of amounts whose mean is exp(margin), target > 0:
// z - log y + y exp(-z) - 1, which is exp(d) - 1 - d of d = log y - z. The lanes past the end of an
// array have target 0 and weight 0: it is as well that log(0) is finite.
struct Gamma {
  static constexpr const char* name = "gamma";
  static constexpr int n_parameters = 0;
  double smoothness() const { return __builtin_inf(); }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    return exp_excess(log(target) - margin);
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    return constant<V>(1) - target * exp(-margin);
  }
  template <class V> FALLLINE_INLINE V curvature(V margin, V target) const {
    return target * exp(-margin);
  }
  // Of log(0) only that it is finite matters: 0 log 0 is 0.
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    const V rest = constant<V>(1) - dual;
    return within(0, __builtin_inf(), rest, fma(rest, log(rest), dual * log(target)) + dual);
  }
};
