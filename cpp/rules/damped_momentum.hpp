#pragma once

// Momentum with torch.optim's dampening: v = momentum v + (1 - dampening) g but for the first step,
// where v = g; w = w - rate v.
struct DampedMomentum {
  static constexpr const char* name = "damped_momentum";
  static constexpr int n_slots = 1;
  static constexpr int n_parameters = 2;  // momentum, dampening
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V rate, momentum, share;
    template <class Numbers> explicit Element(const Numbers& at)
        : rate(at.rate()),
          momentum(constant<V>(at.parameters[0])),
          share(constant<V>(at.step == 1 ? 1 : 1 - at.parameters[1])) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      slots[0] = fma(momentum, slots[0], share * g);
      w = fnma(rate, slots[0], w);
    }
  };
};
