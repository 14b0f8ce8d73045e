#include "training/csr_model.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/find.hpp"

namespace fallline {
namespace {

// Rows at a time. A mini-batch of plain gradient descent that is larger goes through a gradient in
// float64.
constexpr std::ptrdiff_t block_rows = 1024;

// Of one-example steps: few enough that a short chunk wastes nothing.
constexpr std::ptrdiff_t descent_rows = 64;

}  // namespace

template <class T, class I>
CsrModel<T, I>::CsrModel(const CsrSamples<T, I>& samples, const LossEntry<T>& loss,
                         const char* rule, StepOptions options)
    : table_(kernels<T>()),
      samples_(samples),
      options_(std::move(options)),
      loss_{&loss, options_.loss_parameters.data()},
      total_weight_(sum_of_weights(samples.sample_weight, samples.X.rows)),
      intercept_(find(kernels<double>().rules, rule), options_.rule_parameters),
      rule_(table_, rule, options_, samples.X.columns) {}

template <class T, class I>
bool CsrModel<T, I>::train(const Batches& batches, Chunk& chunk, Interrupt& interrupt) {
  if (batches.size > 1 || !rule_.can_descend()) return step_by_step(batches, chunk, interrupt);
  // One-example gradient descent: a block of rows in one call.
  Batches part = batches;
  for (; part.rows.begin < batches.rows.end; part.rows.begin = part.rows.end) {
    part.rows.end = std::min(part.rows.begin + descent_rows, batches.rows.end);
    const std::ptrdiff_t n = part.rows.end - part.rows.begin;
    const bool safe = rule_.weights().stays_safe(part.learning_rates, n, sgd_decay());
    const bool goes_on = safe ? descend(part, batches.rows.end, chunk, interrupt)
                              : step_by_step(part, chunk, interrupt);
    if (!goes_on) return false;
    part.learning_rates += n;
    part.step += n;
  }
  return true;
}

template <class T, class I> bool CsrModel<T, I>::descend(const Batches& batches,
                                                         std::ptrdiff_t known, Chunk& chunk,
                                                         Interrupt& interrupt) {
  block_.gather(samples_, batches.rows, known);
  if (!goes_on(interrupt)) {
    chunk.interrupted = true;
    return false;
  }
  ScaledWeights<T>& weights = rule_.weights();
  double scale = weights.scale();
  Sums sums;
  const std::ptrdiff_t done = csr_descend<I>(*loss_.entry)(
      {block_.rows.data(), block_.ahead.data(), block_.n_rows(), block_.targets.data(),
       block_.sample_weight.data(), batches.learning_rates, gradient_scale(1), sgd_decay(),
       loss_.parameters, options_.fit_intercept, weights.v(), &scale, &intercept_.value()},
      sums);
  weights.set_scale(scale);
  chunk.loss += sums.loss;
  chunk.weight += sums.weight;
  chunk.steps += done;
  return std::isfinite(sums.loss);
}

template <class T, class I>
bool CsrModel<T, I>::step_by_step(const Batches& batches, Chunk& chunk, Interrupt& interrupt) {
  const bool direct = rule_.is_sgd() && batches.size <= block_rows;
  const double* learning_rate = batches.learning_rates;
  std::int64_t step = batches.step;
  Rows rows = batches.rows;
  for (; rows.begin < batches.rows.end; rows.begin = rows.end) {
    rows.end = std::min(rows.begin + batches.size, batches.rows.end);
    Sums sums;
    if (!add_losses(rows, batches.rows.end, !direct, sums, interrupt)) {
      chunk.interrupted = true;
      return false;
    }
    chunk.loss += sums.loss;
    chunk.weight += sums.weight;
    if (!std::isfinite(sums.loss)) {
      if (!direct) rule_.forget_gradient();
      return false;
    }
    const StepNumbers numbers{
        step++,      *learning_rate++,      gradient_scale(rows.end - rows.begin), options_.l2,
        options_.l1, options_.weight_decay, options_.rule_parameters.data()};
    if (direct) {
      rule_.step(numbers, block_);
    } else {
      collect(rows);
      rule_.step(numbers);
    }
    if (options_.fit_intercept) {
      intercept_.step(numbers.step, numbers.learning_rate, numbers.gradient_scale,
                      sums.intercept_gradient);
    }
    ++chunk.steps;
  }
  return true;
}

// The mini-batch gradient n / (S m) * sum is unbiased for the gradient of the weighted mean.
template <class T, class I> double CsrModel<T, I>::gradient_scale(std::ptrdiff_t n_rows) const {
  return static_cast<double>(n_samples()) / (total_weight_ * static_cast<double>(n_rows));
}

// Margins and residuals of a mini-batch, block by block, and its gradient if it is wanted. All
// margins are of the weights before the step.
template <class T, class I> bool CsrModel<T, I>::add_losses(const Rows& rows, std::ptrdiff_t known,
                                                            bool wants_gradient, Sums& sums,
                                                            Interrupt& interrupt) {
  const CsrKernels<T, I>& csr = csr_kernels<I>(table_);
  elements_ = 0;
  Rows part = rows;
  for (; part.begin < rows.end; part.begin = part.end) {
    part.end = std::min(part.begin + block_rows, rows.end);
    block_.gather(samples_, part, known);
    elements_ += block_.n_elements;
    if (!goes_on(interrupt)) {
      if (wants_gradient) rule_.forget_gradient();
      return false;
    }
    rule_.prepare(block_);
    csr.margins(block_.rows.data(), block_.ahead.data(), block_.n_rows(), rule_.v(),
                static_cast<T>(rule_.scale()), static_cast<T>(intercept_.value()),
                block_.margins.data());
    block_.add_losses(loss_, sums);
    if (wants_gradient) {
      csr.add_wide(block_.rows.data(), block_.n_rows(), block_.residuals.data(), rule_.gradient());
    }
  }
  return true;
}

// Tells the rule which features occur in a mini-batch: all, where that is no more work.
template <class T, class I> void CsrModel<T, I>::collect(const Rows& rows) {
  if (elements_ >= n_features()) {
    rule_.collect_all();
    return;
  }
  if (rows.end - rows.begin <= block_rows) {  // they are still there
    rule_.collect(block_);
    return;
  }
  Rows part = rows;
  for (; part.begin < rows.end; part.begin = part.end) {
    part.end = std::min(part.begin + block_rows, rows.end);
    block_.gather(samples_, part, part.end);
    rule_.collect(block_);
  }
}

// Asks for signals once in so many elements.
template <class T, class I> bool CsrModel<T, I>::goes_on(Interrupt& interrupt) {
  unasked_ += block_.n_elements;
  if (unasked_ < visit_elements) return true;
  unasked_ = 0;
  interrupt.poll();
  return !interrupt.stopped();
}

template class CsrModel<float, std::int32_t>;
template class CsrModel<float, std::int64_t>;
template class CsrModel<double, std::int32_t>;
template class CsrModel<double, std::int64_t>;

}  // namespace fallline
