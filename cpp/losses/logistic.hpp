#pragma once

#include "losses/domain.hpp"

// log(1 + exp(-m)) of m = target * margin, target -1 or +1. Value and derivative share the
// exponential of -|m|, which cannot overflow.
struct Logistic {
  static constexpr const char* name = "logistic";
  static constexpr int n_parameters = 0;
  double smoothness() const { return 0.25; }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    const V m = target * margin;
    return log1p(exp_or_zero(-abs(m))) + max(constant<V>(0), -m);  // in this order a NaN survives
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    const V m = target * margin;
    const V e = exp_or_zero(-abs(m));
    return -target * (select_negative(m, constant<V>(1), e) / (constant<V>(1) + e));
  }
  template <class V> FALLLINE_INLINE V curvature(V margin, V target) const {
    const V e = exp(-abs(target * margin));
    const V sum = constant<V>(1) + e;
    return e / (sum * sum);
  }
  // The negative entropy of the probabilities u and 1 - u; log(0) is finite, so 0 log 0 is 0.
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    const V u = -target * dual;
    const V rest = constant<V>(1) - u;
    return within(0, 1, u, fma(u, log(u), rest * log(rest)));
  }
};
