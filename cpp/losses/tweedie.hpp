#pragma once

// Half the unit deviance of amounts, many of which may be 0, whose mean is exp(margin); target >= 0
// and 1 < power p < 2 (Dunn & Smyth 2018, "Generalized linear models with examples in R", 12.2):
// y exp((1 - p) z) / (p - 1) + exp((2 - p) z) / (2 - p) - y^(2 - p) / ((p - 1) (2 - p)). With
// d = z - log y and E(u) = exp(u) - 1 - u that is y^(2 - p) (E((1 - p) d) / (p - 1) +
// E((2 - p) d) / (2 - p)), which loses no digits where the fit is good, and is never negative. Its
// conjugate has no closed form.
struct Tweedie {
  static constexpr const char* name = "tweedie";
  static constexpr int n_parameters = 1;
  double above_one, below_two;  // p - 1, 2 - p
  explicit Tweedie(const double* parameters)
      : above_one(parameters[0] - 1), below_two(2 - parameters[0]) {}
  double smoothness() const { return __builtin_inf(); }
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    const V log_target = log(target);
    const V d = margin - log_target;
    const V low = constant<V>(1 / above_one) * exp_excess(constant<V>(-above_one) * d);
    const V high = constant<V>(1 / below_two) * exp_excess(constant<V>(below_two) * d);
    return select_negative(-target, exp(constant<V>(below_two) * log_target) * (low + high),
                           constant<V>(1 / below_two) * exp(constant<V>(below_two) * margin));
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    return exp(constant<V>(below_two) * margin) - pull(margin, target);
  }
  template <class V> FALLLINE_INLINE V curvature(V margin, V target) const {
    return fma(constant<V>(below_two), exp(constant<V>(below_two) * margin),
               constant<V>(above_one) * pull(margin, target));
  }

 private:
  // y exp((1 - p) z); where y is 0 the exponential may be infinite.
  template <class V> FALLLINE_INLINE V pull(V margin, V target) const {
    return select_negative(-target, target * exp(constant<V>(-above_one) * margin), constant<V>(0));
  }
};
