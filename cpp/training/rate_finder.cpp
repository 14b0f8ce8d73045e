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

template <class T> double intercept_gradient_at(const StepGradient<T>& at, std::ptrdiff_t k) {
  return at.intercept_gradients ? at.scale * at.intercept_gradients[k] : 0;
}

}  // namespace

RateRule rate_rule_named(const std::string& name) {
  if (name.empty()) return RateRule::none;
  if (name == "dowg") return RateRule::dowg;
  if (name == "prodigy") return RateRule::prodigy;
  throw std::invalid_argument("rate must be '', 'dowg' or 'prodigy', got '" + name + "'");
}

template <class T> RateFinder<T>::RateFinder(RateRule rule, std::ptrdiff_t n_weights,
                                             std::ptrdiff_t n_intercepts, double beta2)
    : rule_(rule), n_(n_weights), n_intercepts_(n_intercepts), keep_(std::sqrt(beta2)) {
  if (rule == RateRule::none) return;
  start_.resize(static_cast<std::size_t>(n_));
  mean_.resize(start_.size());
  start_intercepts_.resize(static_cast<std::size_t>(n_intercepts_));
  mean_intercepts_.resize(start_intercepts_.size());
  if (rule == RateRule::dowg) return;
  momentum_.resize(start_.size());
  momentum_intercepts_.resize(start_intercepts_.size());
}

// Over weights and intercepts: term(where it is, where it began, its gradient).
template <class T> template <class Term>
double RateFinder<T>::sum_over(const StepGradient<T>& at, const Term& term) {
  const double of_weights = sum_of(n_, [&](std::ptrdiff_t j) {
    const auto start = static_cast<double>(start_[static_cast<std::size_t>(j)]);
    return term(static_cast<double>(at.w[j]), start, gradient_at(at, j));
  });
  return of_weights + sum_of(n_intercepts_, [&](std::ptrdiff_t k) {
           const double start = start_intercepts_[static_cast<std::size_t>(k)];
           return term(at.intercepts[k], start, intercept_gradient_at(at, k));
         });
}

template <class T> void RateFinder<T>::begin(const StepGradient<T>& at) {
  std::copy_n(at.w, n_, start_.begin());
  std::copy_n(at.intercepts, n_intercepts_, start_intercepts_.begin());
  const double squares = sum_over(at, [](double w, double, double) { return w * w; });
  distance_ = rule_ == RateRule::dowg ? first_distance * (1 + std::sqrt(squares)) : first_estimate;
}

template <class T> double RateFinder<T>::find(const StepGradient<T>& at) {
  if (steps_++ == 0) begin(at);
  return rule_ == RateRule::dowg ? dowg(at) : prodigy(at);
}

template <class T> double RateFinder<T>::dowg(const StepGradient<T>& at) {
  const auto way = [](double w, double start, double) { return (w - start) * (w - start); };
  distance_ = std::max(distance_, std::sqrt(sum_over(at, way)));
  const double slopes = sum_over(at, [](double, double, double g) { return g * g; });
  sum_ += distance_ * distance_ * slopes;
  return sum_ > 0 ? distance_ * distance_ / std::sqrt(sum_) : 0;
}

template <class T> double RateFinder<T>::prodigy(const StepGradient<T>& at) {
  const double used = distance_, weight = (1 - keep_) * used * used;
  const auto product = [](double w, double start, double g) { return g * (start - w); };
  sum_ = keep_ * sum_ + weight * sum_over(at, product);
  const auto moved = [&](double& s, double g) {
    s = keep_ * s + weight * g;
    return std::abs(s);
  };
  const double of_weights = sum_of(n_, [&](std::ptrdiff_t j) {
    return moved(momentum_[static_cast<std::size_t>(j)], gradient_at(at, j));
  });
  const double length = of_weights + sum_of(n_intercepts_, [&](std::ptrdiff_t k) {
                          return moved(momentum_intercepts_[static_cast<std::size_t>(k)],
                                       intercept_gradient_at(at, k));
                        });
  if (length > 0) distance_ = std::max(distance_, sum_ / length);
  return used;
}

template <class T> void RateFinder<T>::average(const T* w, const double* intercepts) {
  const double share = (1 + decay) / (static_cast<double>(steps_) + decay);
  for (std::ptrdiff_t j = 0; j < n_; ++j) {
    T& mean = mean_[static_cast<std::size_t>(j)];
    const auto before = static_cast<double>(mean);
    mean = static_cast<T>(before + share * (static_cast<double>(w[j]) - before));
  }
  for (std::ptrdiff_t k = 0; k < n_intercepts_; ++k) {
    double& mean = mean_intercepts_[static_cast<std::size_t>(k)];
    mean += share * (intercepts[k] - mean);
  }
}

template <class T> void RateFinder<T>::assign_weights(const T* w) {
  std::copy_n(w, n_, mean_.begin());
}

template <class T> void RateFinder<T>::assign_intercepts(const double* intercepts) {
  std::copy_n(intercepts, n_intercepts_, mean_intercepts_.begin());
}

template class RateFinder<float>;
template class RateFinder<double>;

}  // namespace fallline
