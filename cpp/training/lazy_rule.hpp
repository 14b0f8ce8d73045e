// An update rule over many weights of which a step touches few: those whose gradient is not zero.
// They are gathered, stepped as if they were all there are, and scattered again.
#pragma once

#include <optional>

#include "training/csr_block.hpp"
#include "training/missed_steps.hpp"
#include "training/scaled_weights.hpp"
#include "training/step_options.hpp"

namespace fallline {

// Takes the gradient of features out of the array that it was summed in, once for each feature.
template <class T> struct Collector {
  double* gradient;
  std::ptrdiff_t* touched;
  T* touched_gradient;
  std::ptrdiff_t n;

  // Without a branch, as whether there is a gradient is a matter of chance.
  void take(std::ptrdiff_t feature) {
    const double g = gradient[feature];
    touched[n] = feature;
    touched_gradient[n] = static_cast<T>(g);
    n += g != 0;
    gradient[feature] = 0;
  }
};

// How weights go on moving without a gradient.
enum class Motion { none, heavy_ball, damped, nesterov };

// What becomes of the weights that a step does not touch:
//   sgd       shrinking and soft thresholding, by ScaledWeights: exact.
//   momentum  motion and L2, by MissedSteps: exact. The soft thresholds of missed steps are applied
//             together after the motion, which is exact only where no sign changes on the way.
//   others    decoupled decay, by ScaledWeights: exact. Slots stay as they are, and the gradient of
//             L2 waits for a step with one of the loss.
template <class T, class I> class LazyRule {
 public:
  LazyRule(const KernelTable<T>& kernels, const char* rule, const StepOptions& options,
           std::ptrdiff_t n_features);

  // Brings the weights in the rows up to date: they are then scale() * v().
  void prepare(const CsrBlock<T, I>& block);
  const T* v() const { return weights_.v(); }
  double scale() const { return weights_.scale(); }

  // Plain gradient descent may add a mini-batch of few rows to the weights themselves: residuals
  // are overwritten.
  bool is_sgd() const { return is_sgd_; }
  void step(const StepNumbers& numbers, CsrBlock<T, I>& block);
  // One row at a time it needs no thresholds either.
  bool can_descend() const { return is_sgd_ && !weights_.has_thresholds(); }
  ScaledWeights<T>& weights() { return weights_; }

  // The others need the gradient first: add to it, tell which features may be in it, and step.
  double* gradient();
  void collect(const CsrBlock<T, I>& block);
  void collect_all();
  void step(const StepNumbers& numbers);
  void forget_gradient();

  void read_weights(T* w) const;
  void assign_weights(const T* w);

 private:
  void advance(const StepNumbers& numbers);
  Collector<T> begin_collecting(std::ptrdiff_t at_most);
  std::ptrdiff_t touched_at(std::ptrdiff_t k) const {
    return touched_[static_cast<std::size_t>(k)];
  }
  void gather();
  void gather(const T* from, double scale, T* to) const;
  void scatter();
  void scatter(const T* from, double scale, T* to) const;
  void make_up(std::ptrdiff_t feature);
  void make_up_for_all();

  const KernelTable<T>& kernels_;
  const RuleEntry<T>& rule_;
  bool is_sgd_;
  Motion motion_;
  std::ptrdiff_t n_features_;
  ScaledWeights<T> weights_;
  std::vector<AlignedVector<T>> slots_;
  std::optional<MissedSteps> missed_;  // with momentum
  std::vector<double> gradient_;       // in float64, as a mini-batch may have any number of rows

  std::vector<std::ptrdiff_t> touched_;  // the first n_touched_ of them, and of the arrays below
  std::ptrdiff_t n_touched_ = 0;
  AlignedVector<T> touched_w_, touched_gradient_;
  std::vector<AlignedVector<T>> touched_slots_;
};

}  // namespace fallline
