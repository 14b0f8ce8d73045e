#pragma once

// log(1 + exp(-m)) of m = target * margin, target -1 or +1. Value and derivative share the
// exponential of -|m|, which cannot overflow.
struct Logistic {
  static constexpr const char* name = "logistic";
  static constexpr int n_parameters = 0;
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    const V m = target * margin;
    return log1p(exp(-abs(m))) + max(constant<V>(0), -m);  // in this order a NaN survives
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    const V m = target * margin;
    const V e = exp(-abs(m));
    return -target * (select_negative(m, constant<V>(1), e) / (constant<V>(1) + e));
  }
};
