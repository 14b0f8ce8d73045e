#include "training/epoch.hpp"

#include <algorithm>
#include <cmath>

#include "core/find.hpp"
#include "training/update.hpp"

namespace fallline {
namespace {

template <class T> double sum_of_weights(const Samples<T>& samples) {
  if (!samples.sample_weight) return static_cast<double>(samples.X.rows);
  double total = 0;
  for (std::ptrdiff_t i = 0; i < samples.X.rows; ++i) {
    total += static_cast<double>(samples.sample_weight[i]);
  }
  return total;
}

}  // namespace

template <class T> Loop<T>::Loop(const Samples<T>& samples, const LossEntry<T>& loss,
                                 const char* rule, const LoopOptions& options)
    : kernels_(kernels<T>()),
      samples_(samples),
      loss_(loss),
      rule_(find(kernels_.rules, rule)),
      intercept_rule_(find(kernels<double>().rules, rule)),
      options_(options),
      steps_per_epoch_((samples.X.rows + options.batch_size - 1) / options.batch_size),
      total_weight_(sum_of_weights(samples)),
      pass_(kernels_, loss_, samples_, true) {
  const auto width = static_cast<std::size_t>(padded_size<T>(samples.X.columns));
  w_.resize(width);
  gradient_.resize(width);
  slots_.resize(width * static_cast<std::size_t>(rule_.n_slots));
}

template <class T>
Chunk Loop<T>::run(const double* learning_rates, std::ptrdiff_t count, Interrupt& interrupt) {
  Chunk chunk;
  for (; chunk.steps < count; ++chunk.steps) {
    const std::int64_t epoch = step_ / steps_per_epoch_;
    if (epoch != order_epoch_) {
      if (!fill_order(order_, options_.shuffle, samples_.X.rows, n_features(), options_.seed,
                      static_cast<std::uint32_t>(epoch), interrupt)) {
        order_epoch_ = -1;
        chunk.interrupted = true;
        return chunk;
      }
      order_epoch_ = epoch;
    }
    const std::ptrdiff_t begin = (step_ % steps_per_epoch_) * options_.batch_size;
    const std::ptrdiff_t end = std::min(begin + options_.batch_size, samples_.X.rows);
    Sums sums;
    if (!gradient({order_.empty() ? nullptr : order_.data(), begin, end}, sums, interrupt)) {
      chunk.interrupted = true;
      return chunk;
    }
    chunk.loss += sums.loss;
    chunk.weight += sums.weight;
    if (!std::isfinite(sums.loss)) return chunk;
    update(learning_rates[chunk.steps], end - begin, sums.intercept_gradient);
    ++step_;
  }
  return chunk;
}

// Fills gradient_. A batch of one tile needs no float64 detour, and has the same bits without it.
template <class T> bool Loop<T>::gradient(const Rows& rows, Sums& sums, Interrupt& interrupt) {
  if (rows.end - rows.begin <= tile_rows) {
    std::fill(gradient_.begin(), gradient_.end(), T(0));
    const TileTask<T> task{
        samples_, rows, w_.data(), static_cast<T>(intercept_), loss_.residuals, gradient_.data()};
    return run_tile(kernels_, task, sums, &interrupt, interrupt);
  }
  if (!pass_.run(rows, w_.data(), intercept_, interrupt)) return false;
  sums = pass_.sums();
  std::transform(pass_.gradient(), pass_.gradient() + gradient_.size(), gradient_.begin(),
                 [](double g) { return static_cast<T>(g); });
  return true;
}

// The mini-batch gradient n / (S m) * sum is unbiased for the gradient of the weighted mean.
template <class T>
void Loop<T>::update(double learning_rate, std::ptrdiff_t n_rows, double intercept_gradient) {
  const double scale =
      static_cast<double>(samples_.X.rows) / (total_weight_ * static_cast<double>(n_rows));
  StepTask<T> task{{step_ + 1, learning_rate, scale, options_.l2, options_.l1,
                    options_.weight_decay, options_.rule_parameters.data()},
                   w_.data(),
                   gradient_.data(),
                   {},
                   n_features()};
  for (int s = 0; s < rule_.n_slots; ++s) {
    task.slots[s] = slots_.data() + static_cast<std::size_t>(s) * gradient_.size();
  }
  fallline::update(rule_, task);
  if (!options_.fit_intercept) return;
  StepTask<double> own{{step_ + 1, learning_rate, scale, 0, 0, 0, task.numbers.parameters},
                       &intercept_,
                       &intercept_gradient,
                       {},
                       1};
  for (int s = 0; s < rule_.n_slots; ++s) own.slots[s] = &intercept_slots_[s];
  intercept_rule_.step(own);
}

template class Loop<float>;
template class Loop<double>;

}  // namespace fallline
