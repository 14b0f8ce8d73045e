#pragma once

// FTRL-Proximal: McMahan et al. (2013), Ad click prediction: a view from the trenches, algorithm 1
// with alpha the learning rate. A gradient of zero changes nothing.
//
// Where the paper keeps z, the first slot keeps u = z + d w with d = (beta + sqrt(n)) / rate + l2,
// which is z itself where w is 0 and -l1 sign(w) elsewhere. Its update has no difference of square
// roots to lose digits in, and weights need not start at 0.
struct Ftrl {
  static constexpr const char* name = "ftrl";
  static constexpr int n_slots = 2;
  static constexpr int n_parameters = 3;  // beta, l1, l2
  static constexpr int n_penalties = 2;

  template <class V> struct Element {
    static constexpr double lowest = 1e-30;  // where a schedule ends at 0, its inverse is a number
    V inverse_rate, beta, l1, l2;
    template <class Numbers> explicit Element(const Numbers& at)
        : inverse_rate(constant<V>(1) / max(constant<V>(lowest), at.rate())),
          beta(constant<V>(at.parameters[0])),
          l1(constant<V>(at.parameters[1])),
          l2(constant<V>(at.parameters[2])) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      slots[1] = fma(g, g, slots[1]);
      const V d = fma(beta + sqrt(slots[1]), inverse_rate, l2);
      const V z = fnma(d, w, slots[0] + g);
      slots[0] = min(l1, max(-l1, z));  // in this order a NaN survives
      w = (slots[0] - z) / d;
    }
  };
};
