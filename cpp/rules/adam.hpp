#pragma once

// Kingma & Ba (2015), Adam, algorithm 1, with eps where torch.optim has it.
struct Adam {
  static constexpr const char* name = "adam";
  static constexpr int n_slots = 2;
  static constexpr int n_parameters = 3;  // beta1, beta2, eps
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V rate, decay1, beta2, decay2, root, eps;
    // Bias corrections in double: 1 - beta2^t loses all digits in float for small t.
    template <class Numbers> explicit Element(const Numbers& at)
        : rate(at.rate_over(1 - power(at.parameters[0], at.step))),
          decay1(constant<V>(1 - at.parameters[0])),
          beta2(constant<V>(at.parameters[1])),
          decay2(constant<V>(1 - at.parameters[1])),
          root(constant<V>(1 / __builtin_sqrt(1 - power(at.parameters[1], at.step)))),
          eps(constant<V>(at.parameters[2])) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      slots[0] = fma(decay1, g - slots[0], slots[0]);
      slots[1] = fma(decay2 * g, g, beta2 * slots[1]);
      w = fnma(rate, slots[0] / fma(sqrt(slots[1]), root, eps), w);
    }

   private:
    // By squaring: the last bit of the C library's pow differs from one processor to the next.
    static double power(double beta, std::int64_t step) {
      double product = 1;
      for (; step > 0; step >>= 1) {
        if (step & 1) product *= beta;
        beta *= beta;
      }
      return product;
    }
  };
};
