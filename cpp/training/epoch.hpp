// The mini-batch loop: batch, stochastic and mini-batch gradient descent are this one loop with
// different batch sizes.
#pragma once

#include <cstdint>
#include <vector>

#include "training/order.hpp"
#include "training/pass.hpp"

namespace fallline {

struct LoopOptions {
  std::ptrdiff_t batch_size;
  Shuffle shuffle;
  std::uint64_t seed;
  bool fit_intercept;
  double l2;
  double l1;
  double weight_decay;
  std::vector<double> rule_parameters;
};

struct Chunk {
  std::ptrdiff_t steps = 0;  // done; fewer than asked where a step's loss was not finite
  double loss = 0;           // sum over rows of the weighted loss before each step
  double weight = 0;         // sum of the sample weights of those rows
  bool interrupted = false;
};

template <class T> class Loop {
 public:
  Loop(const Samples<T>& samples, const LossEntry<T>& loss, const char* rule,
       const LoopOptions& options);

  // One step per learning rate. Weights stay as after the last whole step.
  Chunk run(const double* learning_rates, std::ptrdiff_t count, Interrupt& interrupt);

  std::ptrdiff_t n_features() const { return samples_.X.columns; }
  std::ptrdiff_t steps_per_epoch() const { return steps_per_epoch_; }
  std::int64_t step() const { return step_; }
  T* coef() { return w_.data(); }
  double& intercept() { return intercept_; }

 private:
  bool gradient(const Rows& rows, Sums& sums, Interrupt& interrupt);
  void update(double learning_rate, std::ptrdiff_t n_rows, double intercept_gradient);

  const KernelTable<T>& kernels_;
  Samples<T> samples_;
  const LossEntry<T>& loss_;
  const RuleEntry<T>& rule_;
  const RuleEntry<double>& intercept_rule_;  // the same rule: the intercept lives in float64
  LoopOptions options_;
  std::ptrdiff_t steps_per_epoch_;
  double total_weight_;
  Pass<T> pass_;  // for batches of more than one tile
  std::vector<std::int64_t> order_;
  std::int64_t order_epoch_ = -1;
  std::int64_t step_ = 0;
  AlignedVector<T> w_, gradient_, slots_;
  double intercept_ = 0;
  double intercept_slots_[max_slots] = {};
};

}  // namespace fallline
