// Learning rates from how far the weights have come and how large gradients have been, and the mean
// of the weights that goes with them.
#pragma once

#include <string>
#include <vector>

#include "core/aligned.hpp"

namespace fallline {

// The gradient of a step, of weights and intercept; that of the weights is
// scale * gradient + l2 * w.
template <class T> struct StepGradient {
  const T* w;
  const T* gradient;
  double intercept;
  double intercept_gradient;
  double scale;
  double l2;
};

// "dowg": Khaled, Mishchenko & Jin (2023), "DoWG unleashed", algorithm 1. "prodigy": the estimate d
// of Mishchenko & Defazio (2024), "Prodigy", algorithm 4, with the beta2 of Adam.
enum class RateRule { none, dowg, prodigy };

RateRule rate_rule_named(const std::string& name);

template <class T> class RateFinder {
 public:
  RateFinder(RateRule rule, std::ptrdiff_t n_features, double beta2);

  explicit operator bool() const { return rule_ != RateRule::none; }

  // What the learning rate of the next step is to be multiplied by. The first call is at the start.
  double find(const StepGradient<T>& at);
  // After a step: takes the weights into their mean, in which later ones count more.
  void average(const T* w, double intercept);

  const T* mean_w() const { return mean_.data(); }
  double mean_intercept() const { return mean_intercept_; }
  // The mean becomes what somebody has put in its place.
  void assign_mean(const T* w);
  void assign_mean(double intercept) { mean_intercept_ = intercept; }

 private:
  double dowg(const StepGradient<T>& at);
  double prodigy(const StepGradient<T>& at);
  void begin(const StepGradient<T>& at);

  RateRule rule_;
  std::ptrdiff_t n_;
  double keep_;  // of Prodigy's sums from step to step
  AlignedVector<T> start_, mean_;
  std::vector<double> momentum_;  // Prodigy's s
  double start_intercept_ = 0, mean_intercept_ = 0, momentum_intercept_ = 0;
  double distance_ = 0;  // the estimate
  double sum_ = 0;       // v of DoWG, r of Prodigy
  std::int64_t steps_ = 0;
};

}  // namespace fallline
