// The intercept of a model: in float64, with slots of its own, never penalised.
#pragma once

#include <vector>

#include "kernels/table.hpp"

namespace fallline {

class Intercept {
 public:
  // The rule that the weights follow, without the penalties among its parameters.
  Intercept(const RuleEntry<double>& rule, std::vector<double> parameters);

  void step(std::int64_t number, double learning_rate, double gradient_scale, double gradient);

  double& value() { return value_; }
  double value() const { return value_; }

 private:
  const RuleEntry<double>& rule_;
  std::vector<double> parameters_;
  double value_ = 0;
  double slots_[max_slots] = {};
};

}  // namespace fallline
