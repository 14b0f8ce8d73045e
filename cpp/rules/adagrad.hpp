#pragma once

// Duchi, Hazan & Singer (2011), Adaptive subgradient methods, figure 1 with the diagonal matrix,
// and eps where torch.optim has it. A gradient of zero changes nothing. What the sum of squares
// begins with is added where it is used, so that slots begin at zero like those of all rules.
struct Adagrad {
  static constexpr const char* name = "adagrad";
  static constexpr int n_slots = 1;
  static constexpr int n_parameters = 2;  // eps, initial sum
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V rate, eps, initial;
    template <class Numbers> explicit Element(const Numbers& at)
        : rate(at.rate()),
          eps(constant<V>(at.parameters[0])),
          initial(constant<V>(at.parameters[1])) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      slots[0] = fma(g, g, slots[0]);
      w = fnma(rate, g / (sqrt(initial + slots[0]) + eps), w);
    }
  };
};
