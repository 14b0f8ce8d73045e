#pragma once

// Nesterov's momentum in torch.optim's form: v = momentum v + g, w = w - rate (g + momentum v).
struct Nesterov {
  static constexpr const char* name = "nesterov";
  static constexpr int n_slots = 1;
  static constexpr int n_parameters = 1;  // momentum
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V rate, momentum;
    template <class Numbers> explicit Element(const Numbers& at)
        : rate(at.rate()), momentum(constant<V>(at.parameters[0])) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      slots[0] = fma(momentum, slots[0], g);
      w = fnma(rate, fma(momentum, slots[0], g), w);
    }
  };
};
