// Learning rates from how far the weights have come and how large gradients have been, and the mean
// of the weights that goes with them.
#pragma once

#include <string>
#include <vector>

#include "core/aligned.hpp"

namespace fallline {

// The gradient of a step: scale * gradient + l2 * w of the weights, and of the intercepts without a
// penalty. Null gradients are of intercepts that stay zero.
template <class T> struct StepGradient {
  const T* w;
  const T* gradient;
  const double* intercepts;
  const double* intercept_gradients;
  double scale;
  double l2;
};

// "dowg": Khaled, Mishchenko & Jin (2023), "DoWG unleashed", algorithm 1. "prodigy": the estimate d
// of Mishchenko & Defazio (2024), "Prodigy", algorithm 4, with the beta2 of Adam.
enum class RateRule { none, dowg, prodigy };

RateRule rate_rule_named(const std::string& name);

template <class T> class RateFinder {
 public:
  RateFinder(RateRule rule, std::ptrdiff_t n_weights, std::ptrdiff_t n_intercepts, double beta2);

  explicit operator bool() const { return rule_ != RateRule::none; }

  // What the learning rate of the next step is to be multiplied by. The first call is at the start.
  double find(const StepGradient<T>& at);
  // After a step: takes the weights into their mean, in which later ones count more.
  void average(const T* w, const double* intercepts);

  const T* mean_weights() const { return mean_.data(); }
  const double* mean_intercepts() const { return mean_intercepts_.data(); }
  // The mean becomes what somebody has put in its place.
  void assign_weights(const T* w);
  void assign_intercepts(const double* intercepts);

 private:
  template <class Term> double sum_over(const StepGradient<T>& at, const Term& term);
  double dowg(const StepGradient<T>& at);
  double prodigy(const StepGradient<T>& at);
  void begin(const StepGradient<T>& at);

  RateRule rule_;
  std::ptrdiff_t n_, n_intercepts_;
  double keep_;  // of Prodigy's sums from step to step
  AlignedVector<T> start_, mean_;
  std::vector<double> start_intercepts_, mean_intercepts_;
  std::vector<double> momentum_, momentum_intercepts_;  // Prodigy's s
  double distance_ = 0;                                 // the estimate
  double sum_ = 0;                                      // v of DoWG, r of Prodigy
  std::int64_t steps_ = 0;
};

}  // namespace fallline
