#include "training/intercept.hpp"

#include <algorithm>
#include <utility>

namespace fallline {

Intercept::Intercept(const RuleEntry<double>& rule, std::vector<double> parameters)
    : rule_(rule), parameters_(std::move(parameters)) {
  std::fill(parameters_.end() - rule_.n_penalties, parameters_.end(), 0.0);
}

void Intercept::step(std::int64_t number, double learning_rate, double gradient_scale,
                     double gradient) {
  const StepNumbers numbers{number, learning_rate, gradient_scale, 0, 0, 0, parameters_.data()};
  StepArrays<double> arrays{&value_, &gradient, {}, 1};
  for (int s = 0; s < rule_.n_slots; ++s) arrays.slots[s] = &slots_[s];
  rule_.step(numbers, &arrays, 1);
}

}  // namespace fallline
