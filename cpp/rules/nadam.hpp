#pragma once

// Dozat (2016), Incorporating Nesterov momentum into Adam, algorithm 2, with torch.optim's schedule
// of the momentum: mu_t = beta1 (1 - q^t / 2), where q is 0.96 to the power of momentum_decay.
struct NAdam {
  static constexpr const char* name = "nadam";
  static constexpr int n_slots = 2;
  // beta1, beta2, eps, q, and the product of all mu before this step; 0: as these numbers have it
  static constexpr int n_parameters = 5;
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    Moments<V> moments;
    V of_gradient, of_moment;
    template <class Numbers> explicit Element(const Numbers& at) : Element(at, Schedule(at)) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      moments.advance(g, slots);
      const V direction = fma(of_gradient, g, of_moment * slots[0]);
      w = w - direction / moments.denominator(slots[1]);
    }

   private:
    struct Schedule {
      double mu = 0, next = 0, product = 1;  // of all mu so far
      template <class Numbers> explicit Schedule(const Numbers& at) {
        const double beta1 = at.parameters[0], q = at.parameters[3], before = at.parameters[4];
        mu = beta1 * (1 - 0.5 * power(q, at.step));
        next = beta1 * (1 - 0.5 * power(q, at.step + 1));
        product = before > 0 ? before * mu : product_up_to(at.step, beta1, q);
      }

     private:
      static double product_up_to(std::int64_t step, double beta1, double q) {
        constexpr double nothing = 1e-18;  // next to 1
        double product = 1;
        double power_of_q = 1;
        std::int64_t k = 0;
        // One of both fades within some 2000 steps whatever q is.
        while (k < step && product > nothing && power_of_q > nothing) {
          power_of_q *= q;
          product *= beta1 * (1 - 0.5 * power_of_q);
          ++k;
        }
        return product * power(beta1, step - k);
      }
    };
    template <class Numbers> Element(const Numbers& at, const Schedule& schedule)
        : moments(at),
          of_gradient(at.rate_over((1 - schedule.product) / (1 - schedule.mu))),
          of_moment(at.rate_over((1 - schedule.product * schedule.next) / schedule.next)) {}
  };
};
