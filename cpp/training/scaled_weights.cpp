#include "training/scaled_weights.hpp"

#include <algorithm>
#include <cmath>

namespace fallline {
namespace {

// 2^60 and its inverse leave float32 half of its range for the weights themselves.
constexpr double largest_scale = 0x1p60;

bool is_safe(double scale) {
  return std::abs(scale) <= largest_scale && std::abs(scale) >= 1 / largest_scale;
}

}  // namespace

template <class T>
ScaledWeights<T>::ScaledWeights(const KernelTable<T>& kernels, std::ptrdiff_t n, bool has_threshold)
    : kernels_(kernels),
      n_(n),
      v_(static_cast<std::size_t>(n)),
      paid_(has_threshold ? static_cast<std::size_t>(n) : 0) {}

template <class T> void ScaledWeights<T>::advance(double shrink, double threshold) {
  scale_ *= shrink;
  if (!is_safe(scale_)) {
    read(v(), v());
    settle();
  }
  due_ += threshold / std::abs(scale_);
}

template <class T> bool ScaledWeights<T>::stays_safe(const double* learning_rates, std::ptrdiff_t n,
                                                     double decay) const {
  double scale = scale_;
  bool safe = true;
  for (std::ptrdiff_t k = 0; k < n; ++k) {
    scale *= 1 - learning_rates[k] * decay;
    safe &= is_safe(scale);
  }
  return safe;
}

template <class T> void ScaledWeights<T>::read(const T* v, T* w) const {
  kernels_.scaled_weights(v, n_, scale_, due_, paid_.empty() ? nullptr : paid_.data(), w);
}

template <class T> void ScaledWeights<T>::assign(const T* w) {
  std::copy_n(w, n_, v_.begin());
  settle();
}

// What v holds are the weights.
template <class T> void ScaledWeights<T>::settle() {
  std::fill(paid_.begin(), paid_.end(), 0.0);
  scale_ = 1;
  due_ = 0;
}

template class ScaledWeights<float>;
template class ScaledWeights<double>;

}  // namespace fallline
