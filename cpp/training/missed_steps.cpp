#include "training/missed_steps.hpp"

#include <algorithm>

namespace fallline {
namespace {

LinearStep product(const LinearStep& second, const LinearStep& first) {
  return {second.weight_of_weight * first.weight_of_weight +
              second.weight_of_velocity * first.velocity_of_weight,
          second.weight_of_weight * first.weight_of_velocity +
              second.weight_of_velocity * first.velocity_of_velocity,
          second.velocity_of_weight * first.weight_of_weight +
              second.velocity_of_velocity * first.velocity_of_weight,
          second.velocity_of_weight * first.weight_of_velocity +
              second.velocity_of_velocity * first.velocity_of_velocity};
}

constexpr LinearStep no_step{1, 0, 0, 1};

// Positions of the lowest and of the highest bit of a positive number.
int lowest_bit(std::ptrdiff_t x) { return __builtin_ctzll(static_cast<unsigned long long>(x)); }
int highest_bit(std::ptrdiff_t x) {
  return 63 - __builtin_clzll(static_cast<unsigned long long>(x));
}

// A power of two. Of one making-up of all features the share of a step is then that of 16 to 32.
std::ptrdiff_t steps_that_pay(std::ptrdiff_t n_features) {
  return std::ptrdiff_t{1} << highest_bit(std::max<std::ptrdiff_t>(n_features / 16, 1024));
}

}  // namespace

MissedSteps::MissedSteps(std::ptrdiff_t n_features)
    : capacity_(steps_that_pay(n_features)),
      levels_(static_cast<std::size_t>(highest_bit(capacity_)) + 1),
      rests_(levels_.size(), no_step),
      done_(static_cast<std::size_t>(n_features)) {}

void MissedSteps::append(const LinearStep& step) {
  levels_[0].push_back(step);
  for (std::size_t k = 1; k < levels_.size() && levels_[k - 1].size() % 2 == 0; ++k) {
    const auto& below = levels_[k - 1];
    levels_[k].push_back(product(below.back(), below[below.size() - 2]));
  }
  rests_[0] = no_step;
  for (std::size_t k = 1; k < levels_.size(); ++k) {
    const auto& below = levels_[k - 1];
    const bool odd = below.size() % 2 == 1;
    rests_[k] = odd ? product(rests_[k - 1], below.back()) : rests_[k - 1];
  }
}

void MissedSteps::clear() {
  for (auto& level : levels_) level.clear();
  std::fill(rests_.begin(), rests_.end(), no_step);
  std::fill(done_.begin(), done_.end(), 0);
}

template <class T> void MissedSteps::make_up(std::ptrdiff_t feature, T& weight, T& velocity) const {
  const std::ptrdiff_t end = n_steps();
  std::ptrdiff_t at = done_[static_cast<std::size_t>(feature)];
  double w = static_cast<double>(weight), v = static_cast<double>(velocity);
  while (at < end) {
    const auto k = static_cast<std::size_t>(lowest_bit(at | capacity_));
    const std::ptrdiff_t length = std::ptrdiff_t{1} << k;
    const bool whole = at + length <= end;
    const LinearStep& steps = whole ? levels_[k][static_cast<std::size_t>(at >> k)] : rests_[k];
    const double moved = steps.weight_of_weight * w + steps.weight_of_velocity * v;
    v = steps.velocity_of_weight * w + steps.velocity_of_velocity * v;
    w = moved;
    at = whole ? at + length : end;
  }
  weight = static_cast<T>(w);
  velocity = static_cast<T>(v);
}

template void MissedSteps::make_up(std::ptrdiff_t, float&, float&) const;
template void MissedSteps::make_up(std::ptrdiff_t, double&, double&) const;

}  // namespace fallline
