#include "training/dense_model.hpp"

#include <algorithm>
#include <cmath>

#include "core/find.hpp"
#include "training/update.hpp"

namespace fallline {

template <class T> DenseModel<T>::DenseModel(const Samples<T>& samples, const LossEntry<T>& loss,
                                             const char* rule, StepOptions options)
    : kernels_(kernels<T>()),
      samples_(samples),
      rule_(find(kernels_.rules, rule)),
      options_(std::move(options)),
      loss_{&loss, options_.loss_parameters.data()},
      total_weight_(sum_of_weights(samples.sample_weight, samples.X.rows)),
      pass_(kernels_, loss_, samples_, true),
      intercept_(find(kernels<double>().rules, rule), options_.rule_parameters) {
  const auto width = static_cast<std::size_t>(padded_size<T>(samples.X.columns));
  w_.resize(width);
  gradient_.resize(width);
  slots_.resize(width * static_cast<std::size_t>(rule_.n_slots));
}

template <class T>
bool DenseModel<T>::train(const Batches& batches, Chunk& chunk, Interrupt& interrupt) {
  const double* learning_rate = batches.learning_rates;
  std::int64_t step = batches.step;
  Rows rows = batches.rows;
  for (; rows.begin < batches.rows.end; rows.begin = rows.end) {
    rows.end = std::min(rows.begin + batches.size, batches.rows.end);
    Sums sums;
    if (!gradient(rows, sums, interrupt)) {
      chunk.interrupted = true;
      return false;
    }
    chunk.loss += sums.loss;
    chunk.weight += sums.weight;
    if (!std::isfinite(sums.loss)) return false;
    update(*learning_rate++, step++, rows.end - rows.begin, sums.intercept_gradient);
    ++chunk.steps;
  }
  return true;
}

// Fills gradient_. A batch of one tile needs no float64 detour, and has the same bits without it.
template <class T>
bool DenseModel<T>::gradient(const Rows& rows, Sums& sums, Interrupt& interrupt) {
  if (rows.end - rows.begin <= tile_rows) {
    std::fill(gradient_.begin(), gradient_.end(), T(0));
    const TileTask<T> task{
        samples_, rows, w_.data(), static_cast<T>(intercept_.value()), loss_, gradient_.data()};
    return run_tile(kernels_, task, sums, &interrupt, interrupt);
  }
  if (!pass_.run(rows, w_.data(), intercept_.value(), interrupt)) return false;
  sums = pass_.sums();
  std::transform(pass_.gradient(), pass_.gradient() + gradient_.size(), gradient_.begin(),
                 [](double g) { return static_cast<T>(g); });
  return true;
}

// The mini-batch gradient n / (S m) * sum is unbiased for the gradient of the weighted mean.
template <class T> void DenseModel<T>::update(double learning_rate, std::int64_t step,
                                              std::ptrdiff_t n_rows, double intercept_gradient) {
  const double scale =
      static_cast<double>(n_samples()) / (total_weight_ * static_cast<double>(n_rows));
  StepTask<T> task{{step, learning_rate, scale, options_.l2, options_.l1, options_.weight_decay,
                    options_.rule_parameters.data()},
                   w_.data(),
                   gradient_.data(),
                   {},
                   n_features()};
  for (int s = 0; s < rule_.n_slots; ++s) {
    task.slots[s] = slots_.data() + static_cast<std::size_t>(s) * gradient_.size();
  }
  fallline::update(rule_, task);
  if (options_.fit_intercept) intercept_.step(step, learning_rate, scale, intercept_gradient);
}

template class DenseModel<float>;
template class DenseModel<double>;

}  // namespace fallline
