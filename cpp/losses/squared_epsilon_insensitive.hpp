#pragma once

// max(0, |r| - epsilon)^2 of the error r; the curvature at |r| = epsilon is 0.
struct SquaredEpsilonInsensitive {
  static constexpr const char* name = "squared_epsilon_insensitive";
  static constexpr int n_parameters = 1;
  double epsilon;
  explicit SquaredEpsilonInsensitive(const double* parameters) : epsilon(parameters[0]) {}
  double smoothness() const { return 2; }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    const V excess = max(constant<V>(0), abs(margin - target) - constant<V>(epsilon));
    return excess * excess;
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    const V error = margin - target;
    const V excess = max(constant<V>(0), abs(error) - constant<V>(epsilon));
    return select_negative(error, constant<V>(-2), constant<V>(2)) * excess;
  }
  template <class V> FALLLINE_INLINE V curvature(V margin, V target) const {
    return select_negative(constant<V>(epsilon) - abs(margin - target), constant<V>(2),
                           constant<V>(0));
  }
  template <class V> FALLLINE_INLINE V conjugate(V dual, V target) const {
    const V size = abs(dual);
    return fma(dual, target, size * fma(constant<V>(0.25), size, constant<V>(epsilon)));
  }
};
