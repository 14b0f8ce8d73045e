#pragma once

// max(0, 1 - m) of m = target * margin, target -1 or +1; the subgradient at m = 1 is 0.
struct Hinge {
  static constexpr const char* name = "hinge";
  static constexpr int n_parameters = 0;
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    return max(constant<V>(0), constant<V>(1) - target * margin);
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    return select_negative(target * margin - constant<V>(1), -target, constant<V>(0));
  }
};
