#pragma once

#include "losses/domain.hpp"

// Half the unit deviance of counts whose mean is exp(margin), target >= 0:
// exp(z) - y z + y log y - y, which is y (exp(d) - 1 - d) of d = z - log y. The second form loses
// no digits where the fit is good, and is never negative; where y is 0 the first is exp(z).
struct Poisson {
  static constexpr const char* name = "poisson";
  static constexpr int n_parameters = 0;
  double smoothness() const { return __builtin_inf(); }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    return select_negative(-target, target * exp_excess(margin - log(target)), exp(margin));
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    return exp(margin) - target;
  }
  template <class V> FALLLINE_INLINE V curvature(V margin, V) const { return exp(margin); }
  // Of log(0) only that it is finite matters: 0 log 0 is 0.
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    const V mean = dual + target;
    return within(0, __builtin_inf(), mean, fma(mean, log(mean), -target * log(target)) - dual);
  }
};
