// Momentum goes on moving a weight in steps whose rows do not have its feature. This makes up for
// such steps when the feature occurs again.
#pragma once

#include <cstdint>
#include <vector>

namespace fallline {

// A step without a gradient, which is linear in weight and velocity; also several such steps.
struct LinearStep {
  double weight_of_weight, weight_of_velocity, velocity_of_weight, velocity_of_velocity;
};

// The steps so far, and their products over ranges of 2, 4, 8 … steps that begin at a multiple of
// their length, and from such a multiple to the last step: any range up to that is made of at most
// the logarithm of its length of those.
class MissedSteps {
 public:
  explicit MissedSteps(std::ptrdiff_t n_features);

  // Whether there are as many steps as pay for making them up for all features and starting anew.
  bool full() const { return n_steps() == capacity_; }
  void append(const LinearStep& step);
  void clear();

  // Takes weight and velocity of a feature through the steps since it was last up to date.
  template <class T> void make_up(std::ptrdiff_t feature, T& weight, T& velocity) const;
  bool is_up_to_date(std::ptrdiff_t feature) const {
    return done_[static_cast<std::size_t>(feature)] == n_steps();
  }
  void set_up_to_date(std::ptrdiff_t feature) {
    done_[static_cast<std::size_t>(feature)] = static_cast<std::int32_t>(n_steps());
  }

 private:
  std::ptrdiff_t n_steps() const { return static_cast<std::ptrdiff_t>(levels_[0].size()); }

  std::ptrdiff_t capacity_;
  std::vector<std::vector<LinearStep>> levels_;  // levels_[k][i] is of steps i 2^k to (i + 1) 2^k
  std::vector<LinearStep> rests_;                // of the steps since the last multiple of 2^k
  std::vector<std::int32_t> done_;               // steps a feature has been through
};

}  // namespace fallline
