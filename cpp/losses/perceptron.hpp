#pragma once

#include "losses/domain.hpp"

// max(0, -m) of m = target * margin, target -1 or +1. The subgradient at m = 0 is that of a
// mistake: with none, zero weights would never be left. Of the bend no curvature is told.
struct Perceptron {
  static constexpr const char* name = "perceptron";
  static constexpr int n_parameters = 0;
  double smoothness() const { return __builtin_inf(); }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    return max(constant<V>(0), -(target * margin));
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    return select_negative(-(target * margin), constant<V>(0), -target);
  }
  template <class V> FALLLINE_INLINE V curvature(V, V) const { return constant<V>(0); }
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    return within(-1, 0, target * dual, constant<V>(0));
  }
};
