// A linear model with one head, trained on rows that lie in memory as the kernels read them.
#pragma once

#include <cstdint>

#include "training/intercept.hpp"
#include "training/loop.hpp"
#include "training/pass.hpp"
#include "training/step_options.hpp"

namespace fallline {

template <class T> class DenseModel {
 public:
  DenseModel(const Samples<T>& samples, const LossEntry<T>& loss, const char* rule,
             StepOptions options);
  DenseModel(const DenseModel&) = delete;
  DenseModel(DenseModel&&) = default;

  bool train(const Batches& batches, Chunk& chunk, Interrupt& interrupt);

  std::ptrdiff_t n_samples() const { return samples_.X.rows; }
  std::ptrdiff_t n_features() const { return samples_.X.columns; }
  std::ptrdiff_t rates_per_step() const { return 1; }
  T* coef() { return w_.data(); }
  double& intercept() { return intercept_.value(); }

 private:
  bool gradient(const Rows& rows, Sums& sums, Interrupt& interrupt);
  void update(double learning_rate, std::int64_t step, std::ptrdiff_t n_rows,
              double intercept_gradient);

  const KernelTable<T>& kernels_;
  Samples<T> samples_;
  const RuleEntry<T>& rule_;
  StepOptions options_;
  BoundLoss<T> loss_;  // its parameters lie in options_, whose vector keeps its memory when moved
  double total_weight_;
  Pass<T> pass_;  // for batches of more than one tile
  AlignedVector<T> w_, gradient_, slots_;
  Intercept intercept_;
};

}  // namespace fallline
