// Weights that shrink and are soft-thresholded at every step, without being touched at every step.
#pragma once

#include "core/aligned.hpp"
#include "kernels/table.hpp"

namespace fallline {

// A step without a gradient takes w to soft(shrink w, threshold), for which w is kept as
//
//   w = scale * soft(v, due - paid),    scale = product of shrink,  due = sum of threshold /
//   |scale|,
//
// so that such a step changes two numbers: the thresholds of steps in a row add up once each is
// divided by the scale it meets. paid[j] is what v[j] has been thresholded by. The scale trick is
// that of Bottou (2012), "Stochastic gradient descent tricks", section 5.1; adding up the
// thresholds that a weight missed that of Langford, Li & Zhang (2009), "Sparse online learning via
// truncated gradient", section 4.2.
template <class T> class ScaledWeights {
 public:
  ScaledWeights(const KernelTable<T>& kernels, std::ptrdiff_t n, bool has_threshold);

  // A step of all the weights. Where the scale would leave the range in which dividing by it is
  // safe, the weights are written out first, which takes as long as there are weights.
  void advance(double shrink, double threshold);

  // Whether as many steps can be made without writing the weights out.
  bool stays_safe(const double* learning_rates, std::ptrdiff_t n, double decay) const;

  bool has_thresholds() const { return !paid_.empty(); }
  double scale() const { return scale_; }
  void set_scale(double scale) { scale_ = scale; }  // of somebody who has made such steps
  double due() const { return due_; }
  T* v() { return v_.data(); }
  const T* v() const { return v_.data(); }
  double* paid() { return paid_.empty() ? nullptr : paid_.data(); }

  // The weights that v stands for, of all features.
  void read(const T* v, T* w) const;
  void assign(const T* w);

 private:
  void settle();

  const KernelTable<T>& kernels_;
  std::ptrdiff_t n_;
  AlignedVector<T> v_;
  AlignedVector<double> paid_;  // empty where nothing is ever thresholded
  double scale_ = 1;
  double due_ = 0;
};

}  // namespace fallline
