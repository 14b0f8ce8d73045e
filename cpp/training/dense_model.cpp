#include "training/dense_model.hpp"

#include <algorithm>
#include <cmath>

#include "core/find.hpp"
#include "training/update.hpp"

namespace fallline {

template <class T>
DenseModel<T>::DenseModel(const Samples<T>& samples, const LossEntry<T>& loss, const char* rule,
                          StepOptions options, Standardization<T> standardization)
    : kernels_(kernels<T>()),
      samples_(samples),
      rule_(find(kernels_.rules, rule)),
      options_(std::move(options)),
      loss_{&loss, options_.loss_parameters.data()},
      total_weight_(sum_of_weights(samples.sample_weight, samples.X.rows)),
      window_(kernels_, samples.X),
      pass_(kernels_, loss_, samples_, true),
      standardization_(std::move(standardization)),
      intercept_(find(kernels<double>().rules, rule), options_.rule_parameters) {
  const auto width = static_cast<std::size_t>(padded_size<T>(samples.X.columns));
  w_.resize(width);
  folded_.resize(width);
  gradient_.resize(width);
  slots_.resize(width * static_cast<std::size_t>(rule_.n_slots));
}

template <class T>
bool DenseModel<T>::train(const Batches& batches, Chunk& chunk, Interrupt& interrupt) {
  const double* learning_rate = batches.learning_rates;
  std::int64_t step = batches.step;
  Rows rows = batches.rows;
  window_.forget();
  for (; rows.begin < batches.rows.end; rows.begin = rows.end) {
    rows.end = std::min(rows.begin + batches.size, batches.rows.end);
    Sums sums;
    if (!gradient(rows, batches.rows.end, sums, interrupt)) {
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

// Fills gradient_, by the weights of the standardised columns if there are such.
template <class T> bool DenseModel<T>::gradient(const Rows& rows, std::ptrdiff_t limit, Sums& sums,
                                                Interrupt& interrupt) {
  const AlignedVector<T>& mean = standardization_.mean;
  if (mean.empty())
    return sum_gradient(rows, limit, w_.data(), intercept_.value(), sums, interrupt);
  const T* inverse_scale = standardization_.inverse_scale.data();
  const std::ptrdiff_t n = n_features();
  const T taken = kernels_.fold(w_.data(), mean.data(), inverse_scale, folded_.data(), n);
  const double intercept = intercept_.value() - static_cast<double>(taken);
  if (!sum_gradient(rows, limit, folded_.data(), intercept, sums, interrupt)) return false;
  kernels_.unfold(mean.data(), inverse_scale, static_cast<T>(sums.intercept_gradient),
                  gradient_.data(), n);
  return true;
}

// Fills gradient_. A batch of one tile needs no float64 detour, and has the same bits without it.
template <class T> bool DenseModel<T>::sum_gradient(const Rows& rows, std::ptrdiff_t limit,
                                                    const T* w, double intercept, Sums& sums,
                                                    Interrupt& interrupt) {
  if (rows.end - rows.begin <= tile_rows) {
    std::fill(gradient_.begin(), gradient_.end(), T(0));
    const TileTask<T> task{samples_, rows, w, static_cast<T>(intercept), loss_, gradient_.data()};
    return run_tile(kernels_, task, window_, limit, sums, &interrupt, interrupt);
  }
  if (!pass_.run(rows, w, intercept, interrupt)) return false;
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
