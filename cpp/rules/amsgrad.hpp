#pragma once

// Reddi, Kale & Kumar (2018), On the convergence of Adam and beyond, algorithm 2, with
// torch.optim's bias corrections: the largest second moment so far, which is corrected as the
// latest one would be.
struct AmsGrad {
  static constexpr const char* name = "amsgrad";
  static constexpr int n_slots = 3;
  static constexpr int n_parameters = 3;  // beta1, beta2, eps
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    Moments<V> moments;
    V rate;
    template <class Numbers> explicit Element(const Numbers& at)
        : moments(at), rate(at.rate_over(1 - power(at.parameters[0], at.step))) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      moments.advance(g, slots);
      slots[2] = max(slots[2], slots[1]);  // in this order a NaN survives
      w = fnma(rate, slots[0] / moments.denominator(slots[2]), w);
    }
  };
};
