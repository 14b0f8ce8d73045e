#pragma once

#include "losses/domain.hpp"

// max(0, |r| - epsilon) of the error r; the subgradient at |r| = epsilon is 0. Of the bends no
// curvature is told.
struct EpsilonInsensitive {
  static constexpr const char* name = "epsilon_insensitive";
  static constexpr int n_parameters = 1;
  double epsilon;
  explicit EpsilonInsensitive(const double* parameters) : epsilon(parameters[0]) {}
  double smoothness() const { return __builtin_inf(); }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    return max(constant<V>(0), abs(margin - target) - constant<V>(epsilon));
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    const V error = margin - target;
    return select_negative(constant<V>(epsilon) - abs(error),
                           select_negative(error, constant<V>(-1), constant<V>(1)), constant<V>(0));
  }
  template <class V> FALLLINE_INLINE V curvature(V, V) const { return constant<V>(0); }
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    return within(-1, 1, dual, fma(dual, target, constant<V>(epsilon) * abs(dual)));
  }
};
