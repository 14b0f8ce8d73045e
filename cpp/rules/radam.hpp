#pragma once

// Liu et al. (2020), On the variance of the adaptive learning rate and beyond, algorithm 2, with
// eps where torch.optim has it: next to the root of a second moment that is not corrected yet.
struct RAdam {
  static constexpr const char* name = "radam";
  static constexpr int n_slots = 2;
  static constexpr int n_parameters = 3;  // beta1, beta2, eps
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    Moments<V> moments;
    V rate, adapts, rests;
    template <class Numbers> explicit Element(const Numbers& at)
        : Element(at, rectification(at.parameters[1], at.step)) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      moments.advance(g, slots);
      w = fnma(rate, slots[0] / fma(adapts, sqrt(slots[1]) + moments.eps, rests), w);
    }

   private:
    template <class Numbers> Element(const Numbers& at, double factor)
        : moments(at),
          rate(at.rate_over((1 - power(at.parameters[0], at.step)) / (factor > 0 ? factor : 1))),
          adapts(constant<V>(factor > 0 ? 1 : 0)),
          rests(constant<V>(factor > 0 ? 0 : 1)) {}

    // r_t of the paper, with the correction of the second moment; 0 while the variance is unknown.
    static double rectification(double beta2, std::int64_t step) {
      const double faded = power(beta2, step), longest = 2 / (1 - beta2) - 1;
      const double length = longest - 2 * static_cast<double>(step) * faded / (1 - faded);
      if (!(length > 5)) return 0;
      const double now = (length - 4) * (length - 2) / length;
      const double last = (longest - 4) * (longest - 2) / longest;
      return __builtin_sqrt(now / last * (1 - faded));
    }
  };
};
