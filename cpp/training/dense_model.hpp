// A linear model with one head, trained on rows that lie in memory as the kernels read them.
#pragma once

#include <cstdint>
#include <vector>

#include "training/loop.hpp"
#include "training/pass.hpp"

namespace fallline {

// What a step is made of besides the learning rate; the same at every step.
struct StepOptions {
  bool fit_intercept;
  double l2;
  double l1;
  double weight_decay;
  std::vector<double> rule_parameters;
  std::vector<double> loss_parameters;
};

template <class T> class DenseModel {
 public:
  DenseModel(const Samples<T>& samples, const LossEntry<T>& loss, const char* rule,
             StepOptions options);
  DenseModel(const DenseModel&) = delete;
  DenseModel(DenseModel&&) = default;

  bool train(const Batches& batches, Chunk& chunk, Interrupt& interrupt);

  std::ptrdiff_t n_samples() const { return samples_.X.rows; }
  std::ptrdiff_t n_features() const { return samples_.X.columns; }
  T* coef() { return w_.data(); }
  double& intercept() { return intercept_; }

 private:
  bool gradient(const Rows& rows, Sums& sums, Interrupt& interrupt);
  void update(double learning_rate, std::int64_t step, std::ptrdiff_t n_rows,
              double intercept_gradient);

  const KernelTable<T>& kernels_;
  Samples<T> samples_;
  const RuleEntry<T>& rule_;
  const RuleEntry<double>& intercept_rule_;  // the same rule: the intercept lives in float64
  StepOptions options_;
  BoundLoss<T> loss_;  // its parameters lie in options_, whose vector keeps its memory when moved
  double total_weight_;
  Pass<T> pass_;  // for batches of more than one tile
  AlignedVector<T> w_, gradient_, slots_;
  double intercept_ = 0;
  double intercept_slots_[max_slots] = {};
};

}  // namespace fallline
