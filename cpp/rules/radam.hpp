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
    V rate, rests;  // negative while there is no denominator
    template <class Numbers> explicit Element(const Numbers& at)
        : Element(at, rectification(at.parameters[1], at.step)) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      moments.advance(g, slots);
      const V root = sqrt(slots[1]) + moments.eps;
      w = fnma(rate, slots[0] / select_negative(rests, constant<V>(1), root), w);
    }

   private:
    template <class Numbers> Element(const Numbers& at, double factor)
        : moments(at),
          rate(at.rate_over((1 - power(at.parameters[0], at.step)) / (factor > 0 ? factor : 1))),
          rests(constant<V>(factor > 0 ? 1 : -1)) {}

    // r_t of the paper, with the correction of the second moment; 0 while the variance is unknown.
    static double rectification(double beta2, std::int64_t step) {
      const Fading squares(beta2, step);
      const double longest = 2 / (1 - beta2) - 1, length = 2 * squares.mean - 1;
      if (!(length > 5)) return 0;
      const double now = (length - 4) * (length - 2) / length;
      const double last = (longest - 4) * (longest - 2) / longest;
      return __builtin_sqrt(now / last * (1 - squares.power));
    }

    // The mean of the numbers 1 to n with weights 1, beta … beta^(n-1). In closed form, which is
    // (rho_t + 1) / 2 as in the paper, most digits cancel; this adds positive numbers, by doubling.
    struct Fading {
      double n = 0, power = 1, sum = 0, weighted = 0, mean = 0;
      Fading(double beta, std::int64_t count) {
        Fading part;
        for (part.append(1, beta, 1, 1); count > 0; count >>= 1) {
          if (count & 1) append(part.n, part.power, part.sum, part.weighted);
          part.append(part.n, part.power, part.sum, part.weighted);
        }
        mean = weighted / sum;
      }

     private:
      Fading() = default;
      // Numbers that go on where these end.
      void append(double n_, double power_, double sum_, double weighted_) {
        weighted += power * (weighted_ + n * sum_);
        sum += power * sum_;
        power *= power_;
        n += n_;
      }
    };
  };
};
