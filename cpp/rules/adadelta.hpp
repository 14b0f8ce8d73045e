#pragma once

// Zeiler (2012), ADADELTA: an adaptive learning rate method, algorithm 1, and torch.optim's rate.
struct Adadelta {
  static constexpr const char* name = "adadelta";
  static constexpr int n_slots = 2;
  static constexpr int n_parameters = 2;  // rho, eps
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V rate, rho, decay, eps;
    template <class Numbers> explicit Element(const Numbers& at)
        : rate(at.rate()),
          rho(constant<V>(at.parameters[0])),
          decay(constant<V>(1 - at.parameters[0])),
          eps(constant<V>(at.parameters[1])) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      slots[0] = fma(decay * g, g, rho * slots[0]);
      const V direction = sqrt(slots[1] + eps) / sqrt(slots[0] + eps) * g;
      slots[1] = fma(decay * direction, direction, rho * slots[1]);
      w = fnma(rate, direction, w);
    }
  };
};
