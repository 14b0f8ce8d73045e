#pragma once

// Polyak & Juditsky (1992), Acceleration of stochastic approximation by averaging, with
// torch.optim's rate of step t, eta = rate / (1 + lambd rate (t - 1))^alpha, and its decay by lambd
// eta. The slot is the mean of the weights from step t0 on, and the weights themselves before.
struct Asgd {
  static constexpr const char* name = "asgd";
  static constexpr int n_slots = 1;
  static constexpr int n_parameters = 3;  // lambd, alpha, t0
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V eta, keep, share;
    template <class Numbers> explicit Element(const Numbers& at)
        : eta(rate(at.rate(), at.parameters, at.step - 1)),
          keep(fnma(constant<V>(at.parameters[0]), eta, constant<V>(1))),
          share(constant<V>(1 / larger(1, static_cast<double>(at.step - 1) - at.parameters[2]))) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      w = fnma(eta, g, keep * w);
      slots[0] = fma(share, w - slots[0], slots[0]);
    }

   private:
    static V rate(V first, const double* parameters, std::int64_t steps) {
      const V slope = constant<V>(parameters[0] * static_cast<double>(steps));
      return first * exp(constant<V>(-parameters[1]) * log1p_far(slope * first));
    }
    static double larger(double a, double b) { return a > b ? a : b; }
  };
};
