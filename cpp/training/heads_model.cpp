#include "training/heads_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/find.hpp"
#include "training/head_lines.hpp"
#include "training/update.hpp"

namespace fallline {
namespace {

// Numbers of heads, padded with zeros.
template <class T, class From>
AlignedVector<T> in_lines(const std::vector<From>& numbers, std::size_t width) {
  AlignedVector<T> padded(width);
  std::transform(numbers.begin(), numbers.end(), padded.begin(),
                 [](From x) { return static_cast<T>(x); });
  return padded;
}

template <class T> HeadSamples<T> with_folds(HeadSamples<T> samples, const T* fold_of_heads) {
  samples.fold_of_heads = fold_of_heads;
  return samples;
}

// S of each head: the weights of the rows that train it.
template <class T> void sum_weights(const HeadSamples<T>& samples, AlignedVector<double>& totals) {
  std::array<double, 256> of_fold{};
  for (std::ptrdiff_t i = 0; i < samples.X.rows; ++i) {
    of_fold[samples.folds ? samples.folds[i] : 0] +=
        samples.sample_weight ? static_cast<double>(samples.sample_weight[i]) : 1;
  }
  for (std::size_t head = 0; head < static_cast<std::size_t>(samples.n_heads); ++head) {
    for (std::size_t fold = 0; fold < of_fold.size(); ++fold) {
      const bool masked = samples.folds && static_cast<T>(fold) == samples.fold_of_heads[head];
      if (!masked) totals[head] += of_fold[fold];
    }
  }
}

}  // namespace

template <class T> HeadsModel<T>::HeadsModel(HeadSamples<T> samples, const HeadLossEntry<T>& loss,
                                             const char* rule, HeadOptions options)
    : width_(head_width<T>(samples.n_heads)),
      fold_of_heads_(in_lines<T>(options.fold_of_heads, width_)),
      samples_(with_folds(samples, fold_of_heads_.data())),
      loss_(loss),
      rule_(find(kernels<T>().rules, rule)),
      intercept_rule_(find(kernels<double>().rules, rule)),
      candidates_(samples.kind == HeadTargets::shared),
      options_(std::move(options)),
      intercept_parameters_(options_.rule_parameters),
      pass_(loss, options_.loss_parameters, samples_, true),
      l2_(in_lines<double>(options_.l2, width_)),
      l1_(in_lines<double>(options_.l1, width_)),
      weight_decay_(in_lines<double>(options_.weight_decay, width_)),
      finder_(options_.rate, n_features() * n_heads(), n_heads(),
              options_.rate == RateRule::prodigy ? options_.rule_parameters[1] : 0) {
  const auto n_slots = static_cast<std::size_t>(rule_.n_slots);
  w_.resize(static_cast<std::size_t>(pass_.layout().size()));
  slots_.resize(w_.size() * n_slots);
  intercept_slots_.resize(width_ * n_slots);
  for (auto* numbers :
       {&intercepts_, &none_, &total_weights_, &rates_, &scales_, &losses_, &weights_}) {
    numbers->resize(width_);
  }
  std::fill(intercept_parameters_.end() - rule_.n_penalties, intercept_parameters_.end(), 0.0);
  stays_.assign(width_, T(1));
  intercept_stays_.assign(width_, 1);
  for (std::size_t pad = static_cast<std::size_t>(n_heads()); pad < width_; ++pad) {
    stay(static_cast<std::ptrdiff_t>(pad));
  }
  sum_weights(samples_, total_weights_);
  rounded_intercepts_ = intercepts_in_lines<T>(intercepts_.data(), n_heads());
}

template <class T>
bool HeadsModel<T>::train(const Batches& batches, Chunk& chunk, Interrupt& interrupt) {
  const double* rates = batches.learning_rates;
  std::int64_t step = batches.step;
  Rows rows = batches.rows;
  for (; rows.begin < batches.rows.end; rows.begin = rows.end) {
    rows.end = std::min(rows.begin + batches.size, batches.rows.end);
    if (!pass_.run(rows, w_.data(), rounded_intercepts_.data(), interrupt)) {
      chunk.interrupted = true;
      return false;
    }
    if (!add_losses(chunk)) return false;
    set_rates(rates, rows.end - rows.begin);
    if (finder_) find_rates();
    update_weights(step);
    if (options_.fit_intercept) update_intercepts(step);
    if (finder_) average();
    rates += rates_per_step();
    ++step;
    ++chunk.steps;
  }
  return true;
}

// False where no step may follow.
template <class T> bool HeadsModel<T>::add_losses(Chunk& chunk) {
  double total = 0;
  bool any_moves = false;
  for (std::ptrdiff_t head = 0; head < n_heads(); ++head) {
    const double loss = pass_.loss()[head];
    losses_[static_cast<std::size_t>(head)] += loss;
    weights_[static_cast<std::size_t>(head)] += pass_.weight()[head];
    total += loss;
    if (candidates_ && !std::isfinite(loss)) stay(head);
    any_moves = any_moves || !stays(head);
  }
  chunk.loss += total;
  chunk.weight += pass_.weight()[0];
  return candidates_ ? any_moves : std::isfinite(total);
}

// The mini-batch gradient n / (S m) * sum is unbiased for the gradient of the weighted mean.
template <class T> void HeadsModel<T>::set_rates(const double* rates, std::ptrdiff_t n_rows) {
  for (std::size_t head = 0; head < static_cast<std::size_t>(n_heads()); ++head) {
    rates_[head] = candidates_ ? rates[head] : rates[0];
  }
  if (n_rows == scaled_rows_) return;
  scaled_rows_ = n_rows;
  const auto n = static_cast<double>(n_samples());
  for (std::size_t head = 0; head < static_cast<std::size_t>(n_heads()); ++head) {
    scales_[head] = n / (total_weights_[head] * static_cast<double>(n_rows));
  }
}

// One for all heads, which have the penalty and the sample weights in common.
template <class T> void HeadsModel<T>::find_rates() {
  shown_w_.resize(static_cast<std::size_t>(n_features() * n_heads()));
  shown_gradient_.resize(shown_w_.size());
  pass_.layout().for_each_weight([&](std::ptrdiff_t to, std::ptrdiff_t from) {
    shown_w_[static_cast<std::size_t>(to)] = w_[static_cast<std::size_t>(from)];
    shown_gradient_[static_cast<std::size_t>(to)] = pass_.gradient()[from];
  });
  const double* slopes = options_.fit_intercept ? pass_.intercept_gradient() : nullptr;
  const double found = finder_.find(
      {shown_w_.data(), shown_gradient_.data(), intercepts_.data(), slopes, scales_[0], l2_[0]});
  for (double& rate : rates_) rate *= found;
}

template <class T> void HeadsModel<T>::average() {
  pass_.layout().for_each_weight([&](std::ptrdiff_t to, std::ptrdiff_t from) {
    shown_w_[static_cast<std::size_t>(to)] = w_[static_cast<std::size_t>(from)];
  });
  finder_.average(shown_w_.data(), intercepts_.data());
}

template <class T> void HeadsModel<T>::update_weights(std::int64_t step) {
  if (pass_.layout().features_in_lanes()) {
    for (std::ptrdiff_t head = 0; head < n_heads(); ++head) {
      if (!stays(head)) update_head(step, static_cast<std::size_t>(head));
    }
  } else {
    for (std::ptrdiff_t line = 0; line < head_lines<T>(n_heads()); ++line) {
      update_line(step, static_cast<std::size_t>(line));
    }
  }
}

// Of the weights from `at`.
template <class T> void HeadsModel<T>::show_slots(T** slots, std::size_t at) {
  for (std::size_t s = 0; s < static_cast<std::size_t>(rule_.n_slots); ++s) {
    slots[s] = slots_.data() + s * w_.size() + at;
  }
}

template <class T> void HeadsModel<T>::update_line(std::int64_t step, std::size_t line) {
  const std::size_t first = line * static_cast<std::size_t>(head_lanes<T>);
  const std::size_t at = line * static_cast<std::size_t>(pass_.layout().stride());
  HeadStepTask<T> task{step,
                       rates_.data() + first,
                       scales_.data() + first,
                       l2_.data() + first,
                       l1_.data() + first,
                       weight_decay_.data() + first,
                       stays_.data() + first,
                       options_.rule_parameters.data(),
                       w_.data() + at,
                       pass_.gradient() + at,
                       {},
                       n_features()};
  show_slots(task.slots, at);
  fallline::update(rule_, task);
}

template <class T> void HeadsModel<T>::update_head(std::int64_t step, std::size_t head) {
  const std::size_t at = head * static_cast<std::size_t>(pass_.layout().stride());
  const StepNumbers numbers{step,
                            rates_[head],
                            scales_[head],
                            l2_[head],
                            l1_[head],
                            weight_decay_[head],
                            options_.rule_parameters.data()};
  StepArrays<T> arrays{w_.data() + at, pass_.gradient() + at, {}, n_features()};
  show_slots(arrays.slots, at);
  fallline::update(rule_, numbers, arrays);
}

template <class T> void HeadsModel<T>::update_intercepts(std::int64_t step) {
  for (std::size_t first = 0; first < width_;
       first += static_cast<std::size_t>(head_lanes<double>)) {
    HeadStepTask<double> task{step,
                              rates_.data() + first,
                              scales_.data() + first,
                              none_.data() + first,
                              none_.data() + first,
                              none_.data() + first,
                              intercept_stays_.data() + first,
                              intercept_parameters_.data(),
                              intercepts_.data() + first,
                              pass_.intercept_gradient() + first,
                              {},
                              1};
    for (std::size_t s = 0; s < static_cast<std::size_t>(rule_.n_slots); ++s) {
      task.slots[s] = intercept_slots_.data() + s * width_ + first;
    }
    intercept_rule_.head_step(task);
  }
  std::transform(intercepts_.begin(), intercepts_.begin() + n_heads(), rounded_intercepts_.begin(),
                 [](double b) { return static_cast<T>(b); });
}

template <class T> void HeadsModel<T>::get_coef(T* out) const {
  if (finder_) {
    std::copy_n(finder_.mean_weights(), n_features() * n_heads(), out);
    return;
  }
  pass_.layout().for_each_weight([&](std::ptrdiff_t to, std::ptrdiff_t from) {
    out[to] = w_[static_cast<std::size_t>(from)];
  });
}

template <class T> void HeadsModel<T>::set_coef(const T* coef) {
  w_ = pass_.layout().laid_out(coef);
  if (finder_) finder_.assign_weights(coef);
}

template <class T> void HeadsModel<T>::set_intercepts(const double* intercepts) {
  std::copy_n(intercepts, n_heads(), intercepts_.begin());
  rounded_intercepts_ = intercepts_in_lines<T>(intercepts, n_heads());
  if (finder_) finder_.assign_intercepts(intercepts);
}

template <class T> void HeadsModel<T>::clear_sums() {
  std::fill(losses_.begin(), losses_.end(), 0.0);
  std::fill(weights_.begin(), weights_.end(), 0.0);
}

template <class T> void HeadsModel<T>::stay(std::ptrdiff_t head) {
  stays_[static_cast<std::size_t>(head)] = T(-1);
  intercept_stays_[static_cast<std::size_t>(head)] = -1;
}

template class HeadsModel<float>;
template class HeadsModel<double>;

}  // namespace fallline
