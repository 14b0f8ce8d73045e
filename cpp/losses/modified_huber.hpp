#pragma once

#include "losses/domain.hpp"

// Zhang (2004), "Solving large scale linear prediction problems using stochastic gradient descent
// algorithms": of m = target * margin, target -1 or +1, max(0, 1 - m)^2 and from m = -1 down its
// tangent -4 m. The curvature at both ends of the bend is that of the straight side, 0.
struct ModifiedHuber {
  static constexpr const char* name = "modified_huber";
  static constexpr int n_parameters = 0;
  double smoothness() const { return 2; }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    const V lack = max(constant<V>(0), constant<V>(1) - target * margin);
    const V bent = min(constant<V>(2), lack);
    return bent * ((lack + lack) - bent);
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    const V lack = max(constant<V>(0), constant<V>(1) - target * margin);
    return constant<V>(-2) * target * min(constant<V>(2), lack);
  }
  template <class V> FALLLINE_INLINE V curvature(V margin, V target) const {
    return select_negative(abs(target * margin) - constant<V>(1), constant<V>(2), constant<V>(0));
  }
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    const V u = target * dual;
    return within(-4, 0, u, fma(constant<V>(0.25) * u, u, u));
  }
};
