#pragma once

// Polyak & Juditsky (1992), Acceleration of stochastic approximation by averaging, with
// torch.optim's rate of step t, eta = rate / (1 + lambd rate (t - 1))^alpha, and its decay by lambd
// eta, which is a penalty. The slot is the mean of the weights from step t0 on, and the weights
// themselves before.
struct Asgd {
  static constexpr const char* name = "asgd";
  static constexpr int n_slots = 1;
  static constexpr int n_parameters = 4;  // lambd of the rate, alpha, t0, lambd of the decay
  static constexpr int n_penalties = 1;

  // In double: in float the power would lose a digit. By our own functions, as the last bit of the
  // C library's pow differs from one processor to the next.
  struct Rate {
    double slope, alpha;
    double operator()(double first_rate) const {
      const vec<double> length = log1p_far(set(slope * first_rate));
      return first_rate * first(exp(set(-alpha) * length));
    }
  };

  template <class V> struct Element {
    V eta, decay, share;
    template <class Numbers> explicit Element(const Numbers& at)
        : eta(at.rate_by(
              Rate{at.parameters[0] * static_cast<double>(at.step - 1), at.parameters[1]})),
          decay(constant<V>(at.parameters[3])),
          share(constant<V>(1 / larger(1, static_cast<double>(at.step - 1) - at.parameters[2]))) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      // Not (1 - decay eta) w: in float that factor would round most of so small a decay away.
      w = fnma(eta, fma(decay, w, g), w);
      slots[0] = fma(share, w - slots[0], slots[0]);
    }

   private:
    static double larger(double a, double b) { return a > b ? a : b; }
  };
};
