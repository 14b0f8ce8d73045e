// A linear model with one head, trained on rows that lie in memory as the kernels read them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "training/intercept.hpp"
#include "training/loop.hpp"
#include "training/pass.hpp"
#include "training/step_options.hpp"

namespace fallline {

// Columns less their mean, times the inverse of their deviation: folded into the weights, X stays
// as it is. Empty where it is to be taken as it is, else padded.
template <class T> struct Standardization {
  AlignedVector<T> mean, inverse_scale;
};

template <class T> class DenseModel {
 public:
  DenseModel(const Samples<T>& samples, const LossEntry<T>& loss, const char* rule,
             StepOptions options, Standardization<T> standardization);
  DenseModel(const DenseModel&) = delete;
  DenseModel(DenseModel&&) = default;

  bool train(const Batches& batches, Chunk& chunk, Interrupt& interrupt);

  std::ptrdiff_t n_samples() const { return samples_.X.rows; }
  std::ptrdiff_t n_features() const { return samples_.X.columns; }
  std::ptrdiff_t rates_per_step() const { return 1; }
  // Of the standardised columns, with every step taken so far; their mean where learning rates are
  // found. Reading does not change a bit of what comes after.
  void read_coef(T* w) const;
  void assign_coef(const T* w);
  double read_intercept() const;
  void assign_intercept(double b);
  double learning_rate() const { return learning_rate_; }  // of the last step

 private:
  struct Settled {
    AlignedVector<T> w;
    double intercept;
  };

  bool descend(const Batches& batches, Chunk& chunk, Interrupt& interrupt);
  Descent<T> descent_of(T* w, double* intercept, DescentStep<T>* last) const;
  Settled settled() const;
  void settle();
  void keep_last_row();
  bool gradient(const Rows& rows, std::ptrdiff_t limit, Sums& sums, Interrupt& interrupt);
  bool sum_gradient(const Rows& rows, std::ptrdiff_t limit, const T* w, double intercept,
                    Sums& sums, Interrupt& interrupt);
  void update(double learning_rate, std::int64_t step, double scale, double intercept_gradient);
  double gradient_scale(std::ptrdiff_t n_rows) const;

  const KernelTable<T>& kernels_;
  Samples<T> samples_;
  const RuleEntry<T>& rule_;
  StepOptions options_;
  BoundLoss<T> loss_;  // its parameters lie in options_, whose vector keeps its memory when moved
  double total_weight_;
  Window<T> window_;
  Pass<T> pass_;  // for batches of more than one tile
  Standardization<T> standardization_;
  AlignedVector<T> w_, folded_, gradient_, slots_;
  Intercept intercept_;
  RateFinder<T> finder_;
  double learning_rate_ = 0;
  bool can_descend_;     // one row a step, straight into the weights
  DescentStep<T> last_;  // which w_ and intercept_ lack
  AlignedVector<T> last_row_;
};

}  // namespace fallline
