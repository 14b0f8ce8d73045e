#pragma once

// Chen et al. (2023), Symbolic discovery of optimization algorithms, program 1. A step has the
// length of the rate whatever the gradient; one that is not finite spoils its weight nonetheless.
struct Lion {
  static constexpr const char* name = "lion";
  static constexpr int n_slots = 1;
  static constexpr int n_parameters = 2;  // beta1, beta2
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V rate, decay1, decay2;
    template <class Numbers> explicit Element(const Numbers& at)
        : rate(at.rate()),
          decay1(constant<V>(1 - at.parameters[0])),
          decay2(constant<V>(1 - at.parameters[1])) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      const V zero = constant<V>(0), way = fma(decay1, g - slots[0], slots[0]) + zero;  // never -0
      w = w + select_negative(way, rate, zero) - select_negative(-way, rate, zero);
      w = w + (g - g);
      slots[0] = fma(decay2, g - slots[0], slots[0]);
    }
  };
};
