#include "training/rate_finder.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace fallline {
namespace {

// Of DoWG, times 1 + |start|; and of Prodigy.
constexpr double first_distance = 1e-4;
constexpr double first_estimate = 1e-6;

// Of the mean by polynomial decay (Shamir & Zhang 2013, section 4): half of the weight is on the
// last 7 % of the steps.
constexpr double decay = 8;

// The sum of term(0) to term(n - 1), whose shape no compiler changes.
template <class Term> double sum_of(std::ptrdiff_t n, const Term& term) {
  constexpr std::ptrdiff_t lanes = 8;
  double sums[lanes] = {};
  std::ptrdiff_t j = 0;
  for (; j + lanes <= n; j += lanes) {
    for (std::ptrdiff_t k = 0; k < lanes; ++k) sums[k] += term(j + k);
  }
  for (; j < n; ++j) sums[0] += term(j);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

template <class T> double gradient_at(const StepGradient<T>& at, std::ptrdiff_t j) {
  return at.scale * static_cast<double>(at.gradient[j]) + at.l2 * static_cast<double>(at.w[j]);
}

}  // namespace

RateRule rate_rule_named(const std::string& name) {
  if (name.empty()) return RateRule::none;
  if (name == "dowg") return RateRule::dowg;
  if (name == "prodigy") return RateRule::prodigy;
  throw std::invalid_argument("rate must be '', 'dowg' or 'prodigy', got '" + name + "'");
}

template <class T> RateFinder<T>::RateFinder(RateRule rule, std::ptrdiff_t n_features, double beta2)
    : rule_(rule), n_(n_features), keep_(std::sqrt(beta2)) {
  if (rule == RateRule::none) return;
  start_.resize(static_cast<std::size_t>(n_));
  mean_.resize(start_.size());
  if (rule == RateRule::prodigy) momentum_.resize(start_.size());
}

template <class T> void RateFinder<T>::begin(const StepGradient<T>& at) {
  std::copy_n(at.w, n_, start_.begin());
  start_intercept_ = at.intercept;
  const double squares = sum_of(n_, [&](std::ptrdiff_t j) {
    const auto w = static_cast<double>(at.w[j]);
    return w * w;
  });
  const double length = std::sqrt(squares + at.intercept * at.intercept);
  distance_ = rule_ == RateRule::dowg ? first_distance * (1 + length) : first_estimate;
}

template <class T> double RateFinder<T>::find(const StepGradient<T>& at) {
  if (steps_++ == 0) begin(at);
  return rule_ == RateRule::dowg ? dowg(at) : prodigy(at);
}

template <class T> double RateFinder<T>::dowg(const StepGradient<T>& at) {
  const double way = at.intercept - start_intercept_;
  const double squares = sum_of(n_, [&](std::ptrdiff_t j) {
    const double d = static_cast<double>(at.w[j]) - static_cast<double>(start_[j]);
    return d * d;
  });
  const double slope = at.scale * at.intercept_gradient;
  const double slopes = sum_of(n_, [&](std::ptrdiff_t j) {
    const double g = gradient_at(at, j);
    return g * g;
  });
  distance_ = std::max(distance_, std::sqrt(squares + way * way));
  sum_ += distance_ * distance_ * (slopes + slope * slope);
  return sum_ > 0 ? distance_ * distance_ / std::sqrt(sum_) : 0;
}

template <class T> double RateFinder<T>::prodigy(const StepGradient<T>& at) {
  const double used = distance_, weight = (1 - keep_) * used * used;
  const double slope = at.scale * at.intercept_gradient;
  const double product = sum_of(n_, [&](std::ptrdiff_t j) {
    return gradient_at(at, j) * (static_cast<double>(start_[j]) - static_cast<double>(at.w[j]));
  });
  sum_ = keep_ * sum_ + weight * (product + slope * (start_intercept_ - at.intercept));
  momentum_intercept_ = keep_ * momentum_intercept_ + weight * slope;
  const double length = sum_of(n_, [&](std::ptrdiff_t j) {
    double& s = momentum_[static_cast<std::size_t>(j)];
    s = keep_ * s + weight * gradient_at(at, j);
    return std::abs(s);
  });
  const double all = length + std::abs(momentum_intercept_);
  if (all > 0) distance_ = std::max(distance_, sum_ / all);
  return used;
}

template <class T> void RateFinder<T>::average(const T* w, double intercept) {
  const double share = (1 + decay) / (static_cast<double>(steps_) + decay);
  for (std::ptrdiff_t j = 0; j < n_; ++j) {
    const auto mean = static_cast<double>(mean_[j]);
    mean_[j] = static_cast<T>(mean + share * (static_cast<double>(w[j]) - mean));
  }
  mean_intercept_ += share * (intercept - mean_intercept_);
}

template <class T> void RateFinder<T>::assign_mean(const T* w) {
  std::copy_n(w, n_, mean_.begin());
}

template class RateFinder<float>;
template class RateFinder<double>;

}  // namespace fallline
