#pragma once

#include "losses/domain.hpp"

// max(0, 1 - m) of m = target * margin, target -1 or +1; the subgradient at m = 1 is 0. Of the
// bend no curvature is told.
struct Hinge {
  static constexpr const char* name = "hinge";
  static constexpr int n_parameters = 0;
  double smoothness() const { return __builtin_inf(); }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    return max(constant<V>(0), constant<V>(1) - target * margin);
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    return select_negative(target * margin - constant<V>(1), -target, constant<V>(0));
  }
  template <class V> FALLLINE_INLINE V curvature(V, V) const { return constant<V>(0); }
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    const V u = target * dual;
    return within(-1, 0, u, u);
  }
};
