#pragma once

#include "losses/domain.hpp"

// Koenker & Bassett (1978), "Regression quantiles": quantile |r| where the margin lies below the
// target, (1 - quantile) |r| above; the subgradient at r = 0 is 0. Of the bend no curvature is
// told.
struct Quantile {
  static constexpr const char* name = "quantile";
  static constexpr int n_parameters = 1;
  double quantile;
  explicit Quantile(const double* parameters) : quantile(parameters[0]) {}
  double smoothness() const { return __builtin_inf(); }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    const V error = margin - target;
    return max(constant<V>(-quantile) * error, constant<V>(1 - quantile) * error);
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    const V error = margin - target;
    return select_negative(error, constant<V>(-quantile),
                           select_negative(-error, constant<V>(1 - quantile), constant<V>(0)));
  }
  template <class V> FALLLINE_INLINE V curvature(V, V) const { return constant<V>(0); }
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    return within(-quantile, 1 - quantile, dual, dual * target);
  }
};
