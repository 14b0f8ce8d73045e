#pragma once

// What Adam's family shares: the moments of the gradient, and what corrects them for having begun
// at zero, in double: 1 - beta^t loses all digits in float for small t.
template <class V> struct Moments {
  V decay1, beta2, decay2, root, eps;
  template <class Numbers> explicit Moments(const Numbers& at)
      : decay1(constant<V>(1 - at.parameters[0])),
        beta2(constant<V>(at.parameters[1])),
        decay2(constant<V>(1 - at.parameters[1])),
        root(constant<V>(1 / __builtin_sqrt(1 - power(at.parameters[1], at.step)))),
        eps(constant<V>(at.parameters[2])) {}
  FALLLINE_INLINE void advance(V g, V* slots) const {
    slots[0] = fma(decay1, g - slots[0], slots[0]);
    slots[1] = fma(decay2 * g, g, beta2 * slots[1]);
  }
  FALLLINE_INLINE V denominator(V second) const { return fma(sqrt(second), root, eps); }
};

// Kingma & Ba (2015), Adam, algorithm 1, with eps where torch.optim has it.
struct Adam {
  static constexpr const char* name = "adam";
  static constexpr int n_slots = 2;
  static constexpr int n_parameters = 3;  // beta1, beta2, eps
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    Moments<V> moments;
    V rate;
    template <class Numbers> explicit Element(const Numbers& at)
        : moments(at), rate(at.rate_over(1 - power(at.parameters[0], at.step))) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      moments.advance(g, slots);
      w = fnma(rate, slots[0] / moments.denominator(slots[1]), w);
    }
  };
};
