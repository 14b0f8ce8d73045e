#pragma once

// Kingma & Ba (2015), Adam, algorithm 2, with eps where torch.optim has it.
struct Adamax {
  static constexpr const char* name = "adamax";
  static constexpr int n_slots = 2;
  static constexpr int n_parameters = 3;  // beta1, beta2, eps
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V rate, decay1, beta2, eps;
    template <class Numbers> explicit Element(const Numbers& at)
        : rate(at.rate_over(1 - power(at.parameters[0], at.step))),
          decay1(constant<V>(1 - at.parameters[0])),
          beta2(constant<V>(at.parameters[1])),
          eps(constant<V>(at.parameters[2])) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      slots[0] = fma(decay1, g - slots[0], slots[0]);
      slots[1] = max(beta2 * slots[1], abs(g) + eps);  // in this order a NaN survives
      w = fnma(rate, slots[0] / slots[1], w);
    }
  };
};
