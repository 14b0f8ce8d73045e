// What a step is made of besides the learning rate; the same at every step.
#pragma once

#include <vector>

#include "training/rate_finder.hpp"

namespace fallline {

struct StepOptions {
  bool fit_intercept;
  double l2;
  double l1;
  double weight_decay;
  std::vector<double> rule_parameters;
  std::vector<double> loss_parameters;
  RateRule rate = RateRule::none;  // how learning rates are found that others then multiply
};

}  // namespace fallline
