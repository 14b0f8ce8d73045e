#pragma once

struct Squared {
  static constexpr const char* name = "squared";
  static constexpr int n_parameters = 0;
  double smoothness() const { return 1; }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    const V error = margin - target;
    return constant<V>(0.5) * error * error;
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    return margin - target;
  }
  template <class V> FALLLINE_INLINE V curvature(V, V) const { return constant<V>(1); }
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    return dual * fma(constant<V>(0.5), dual, target);
  }
};
