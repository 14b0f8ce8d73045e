#include "training/dense_model.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

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
      intercept_(find(kernels<double>().rules, rule), options_.rule_parameters),
      finder_(options_.rate, samples.X.columns, 1,
              options_.rate == RateRule::prodigy ? options_.rule_parameters[1] : 0),
      can_descend_(rule == std::string("sgd") && options_.l1 == 0 && !finder_ &&
                   standardization_.mean.empty()) {
  const auto width = static_cast<std::size_t>(padded_size<T>(samples.X.columns));
  w_.resize(width);
  folded_.resize(width);
  gradient_.resize(width);
  slots_.resize(width * static_cast<std::size_t>(rule_.n_slots));
}

template <class T>
bool DenseModel<T>::train(const Batches& batches, Chunk& chunk, Interrupt& interrupt) {
  if (batches.size == 1 && can_descend_) return descend(batches, chunk, interrupt);
  const double* learning_rate = batches.learning_rates;
  const double scale = gradient_scale(batches.size);
  std::int64_t step = batches.step;
  Rows rows = batches.rows;
  window_.forget();
  for (; rows.begin < batches.rows.end; rows.begin = rows.end) {
    rows.end = std::min(rows.begin + batches.size, batches.rows.end);
    const std::ptrdiff_t n = rows.end - rows.begin;
    Sums sums;
    if (!gradient(rows, batches.rows.end, sums, interrupt)) {
      chunk.interrupted = true;
      return false;
    }
    chunk.loss += sums.loss;
    chunk.weight += sums.weight;
    if (!std::isfinite(sums.loss)) return false;
    update(*learning_rate++, step++, n == batches.size ? scale : gradient_scale(n),
           sums.intercept_gradient);
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
template <class T> double DenseModel<T>::gradient_scale(std::ptrdiff_t n_rows) const {
  return static_cast<double>(n_samples()) / (total_weight_ * static_cast<double>(n_rows));
}

template <class T> void DenseModel<T>::update(double learning_rate, std::int64_t step, double scale,
                                              double intercept_gradient) {
  if (finder_) {
    const double* slope = options_.fit_intercept ? &intercept_gradient : nullptr;
    learning_rate *=
        finder_.find({w_.data(), gradient_.data(), &intercept_.value(), slope, scale, options_.l2});
  }
  learning_rate_ = learning_rate;
  const StepNumbers numbers{step,
                            learning_rate,
                            scale,
                            options_.l2,
                            options_.l1,
                            options_.weight_decay,
                            options_.rule_parameters.data()};
  StepArrays<T> arrays{w_.data(), gradient_.data(), {}, n_features()};
  for (int s = 0; s < rule_.n_slots; ++s) {
    arrays.slots[s] = slots_.data() + static_cast<std::size_t>(s) * gradient_.size();
  }
  fallline::update(rule_, numbers, arrays);
  if (options_.fit_intercept) intercept_.step(step, learning_rate, scale, intercept_gradient);
  if (finder_) finder_.average(w_.data(), &intercept_.value());
}

// One-example gradient descent: many rows in one call, up to the next look at the user's signals.
template <class T>
bool DenseModel<T>::descend(const Batches& batches, Chunk& chunk, Interrupt& interrupt) {
  std::ptrdiff_t length =
      std::max<std::ptrdiff_t>(visit_elements / std::max<std::ptrdiff_t>(n_features(), 1), 1);
  if (samples_.X.unpack) length = std::min(length, window_.rows());
  Descent<T> task = descent_of(w_.data(), &intercept_.value(), &last_);
  task.learning_rates = batches.learning_rates;
  Sums sums{chunk.loss, chunk.weight};
  std::int64_t step = batches.step;
  Rows rows = batches.rows;
  window_.forget();
  for (; rows.begin < batches.rows.end; rows.begin = rows.end) {
    rows.end = std::min(rows.begin + length, batches.rows.end);
    const std::ptrdiff_t n = rows.end - rows.begin;
    step += n;
    // At the end of an epoch the weights are whole, so that they are all a fit goes on from.
    task.settles = (step - 1) % n_samples() == 0;
    TileTask<T> shown{samples_, rows, nullptr, 0, loss_, nullptr};
    window_.show(shown, batches.rows.end);
    task.samples = shown.samples;
    task.rows = shown.rows;
    const std::ptrdiff_t done = loss_.entry->descend(task, sums);
    keep_last_row();
    chunk.loss = sums.loss;
    chunk.weight = sums.weight;
    chunk.steps += done;
    if (done < n) return false;
    task.learning_rates += n;
    interrupt.poll();
    if (interrupt.stopped()) {
      chunk.interrupted = true;
      return false;
    }
  }
  return true;
}

// The window that it lies in is soon filled with others.
template <class T> void DenseModel<T>::keep_last_row() {
  if (!samples_.X.unpack || !last_.row) return;
  last_row_.assign(last_.row, last_.row + n_features());
  last_.row = last_row_.data();
}

// A descent along no rows, which makes the last step.
template <class T>
Descent<T> DenseModel<T>::descent_of(T* w, double* intercept, DescentStep<T>* last) const {
  return {samples_,
          {nullptr, 0, 0},
          nullptr,
          gradient_scale(1),
          options_.l2 + options_.weight_decay,
          loss_.parameters,
          options_.fit_intercept,
          true,
          w,
          intercept,
          last};
}

template <class T> typename DenseModel<T>::Settled DenseModel<T>::settled() const {
  Settled copy{w_, intercept_.value()};
  DescentStep<T> last = last_;
  Sums none;
  loss_.entry->descend(descent_of(copy.w.data(), &copy.intercept, &last), none);
  return copy;
}

template <class T> void DenseModel<T>::settle() {
  Settled whole = settled();
  w_ = std::move(whole.w);
  intercept_.value() = whole.intercept;
  last_ = {};
}

template <class T> void DenseModel<T>::read_coef(T* w) const {
  std::copy_n(finder_ ? finder_.mean_weights() : settled().w.data(), n_features(), w);
}

template <class T> double DenseModel<T>::read_intercept() const {
  return finder_ ? *finder_.mean_intercepts() : settled().intercept;
}

template <class T> void DenseModel<T>::assign_coef(const T* w) {
  settle();
  std::copy_n(w, n_features(), w_.begin());
  if (finder_) finder_.assign_weights(w);
}

template <class T> void DenseModel<T>::assign_intercept(double b) {
  settle();
  intercept_.value() = b;
  if (finder_) finder_.assign_intercepts(&b);
}

template class DenseModel<float>;
template class DenseModel<double>;

}  // namespace fallline
