// A linear model with one head, trained on rows of a sparse matrix: a step costs what its rows
// hold, however many features there are.
#pragma once

#include "training/csr_block.hpp"
#include "training/intercept.hpp"
#include "training/lazy_rule.hpp"
#include "training/loop.hpp"
#include "training/pass.hpp"
#include "training/step_options.hpp"

namespace fallline {

template <class T, class I> class CsrModel {
 public:
  CsrModel(const CsrSamples<T, I>& samples, const LossEntry<T>& loss, const char* rule,
           StepOptions options);

  bool train(const Batches& batches, Chunk& chunk, Interrupt& interrupt);

  std::ptrdiff_t n_samples() const { return samples_.X.rows; }
  std::ptrdiff_t n_features() const { return samples_.X.columns; }
  std::ptrdiff_t rates_per_step() const { return 1; }
  void read_coef(T* w) const { rule_.read_weights(w); }
  void assign_coef(const T* w) { rule_.assign_weights(w); }
  double& intercept() { return intercept_.value(); }

 private:
  bool descend(const Batches& batches, std::ptrdiff_t known, Chunk& chunk, Interrupt& interrupt);
  bool step_by_step(const Batches& batches, Chunk& chunk, Interrupt& interrupt);
  bool add_losses(const Rows& rows, std::ptrdiff_t known, bool wants_gradient, Sums& sums,
                  Interrupt& interrupt);
  void collect(const Rows& rows);
  double gradient_scale(std::ptrdiff_t n_rows) const;
  double sgd_decay() const { return options_.weight_decay + options_.l2; }
  bool goes_on(Interrupt& interrupt);

  const KernelTable<T>& table_;
  CsrSamples<T, I> samples_;
  StepOptions options_;
  BoundLoss<T> loss_;
  double total_weight_;
  Intercept intercept_;
  LazyRule<T, I> rule_;
  CsrBlock<T, I> block_;
  std::ptrdiff_t elements_ = 0;  // of the mini-batch under way
  std::ptrdiff_t unasked_ = 0;   // elements since signals were asked for
};

}  // namespace fallline
