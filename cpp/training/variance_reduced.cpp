#include "training/variance_reduced.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "training/row_sums.hpp"

namespace fallline {
namespace {

// Rows between two looks at the user's signals, and between the one worked on and the one brought
// into the cache.
constexpr std::ptrdiff_t poll_rows = 64;
constexpr std::ptrdiff_t rows_ahead = 4;

// Epochs to a snapshot: Johnson & Zhang (2013), section 5, for convex problems.
constexpr std::int64_t snapshot_epochs = 2;

// Learning rates times the L that is found: it lies between the largest curvature and half of that,
// where SAGA at 1 stalled on 3 of 13 real sets of a thousand rows or less, and at 0.5 took 1.6
// times as many epochs.
constexpr double saga_rate = 0.7;
constexpr double svrg_rate = 1.0;

constexpr double log_2 = 0.6931471805599453;

// Of a loss, and of what the rounding of its margin makes of it: less than this share tells
// nothing.
constexpr double rounding = 1e-12;

template <class T> std::ptrdiff_t column(const DenseRow<T>&, std::ptrdiff_t k) { return k; }
template <class T, class I> std::ptrdiff_t column(const CsrRow<T, I>& row, std::ptrdiff_t k) {
  return row.indices[k];
}

double soft(double w, double threshold) { return w - std::min(std::max(w, -threshold), threshold); }

std::vector<double> rarity_of(const AnyReader& X) {
  return std::visit(
      [](const auto& reader) {
        std::vector<double> counts;
        if constexpr (!std::decay_t<decltype(reader)>::is_dense) {
          auto rows = reader;
          counts.resize(static_cast<std::size_t>(rows.columns()));
          for (std::ptrdiff_t i = 0; i < rows.rows(); ++i) {
            const auto row = rows.row(i);
            for (std::ptrdiff_t k = 0; k < row.n; ++k)
              ++counts[static_cast<std::size_t>(row.indices[k])];
          }
          const auto n = static_cast<double>(rows.rows());
          for (double& count : counts) count = count > 0 ? n / count : 0;
        }
        return counts;
      },
      X);
}

}  // namespace

VarianceReduced::VarianceReduced(AnyReader X, const double* targets, const double* sample_weight,
                                 const LossEntry<double>& loss, VarianceOptions options)
    : X_(std::move(X)),
      n_samples_(std::visit([](const auto& reader) { return reader.rows(); }, X_)),
      options_(std::move(options)),
      losses_{{&loss, options_.loss_parameters.data()},
              targets,
              sample_weight,
              static_cast<double>(n_samples_) / sum_of_weights(sample_weight, n_samples_)},
      derivatives_(static_cast<std::size_t>(n_samples_)),
      halving_(1 / (1 + log_2 / static_cast<double>(n_samples_))),
      rarity_(rarity_of(X_)) {
  const auto d = std::visit([](const auto& reader) { return reader.columns(); }, X_);
  w_.resize(static_cast<std::size_t>(d));
  mean_gradient_.resize(w_.size());
}

bool VarianceReduced::train(const Batches& batches, Chunk& chunk, Interrupt& interrupt) {
  const bool is_due = (batches.step - 1) % (snapshot_epochs * n_samples_) == 0;
  if (options_.memory == Memory::snapshot && is_due && !take_snapshot(interrupt)) {
    chunk.interrupted = true;
    return false;
  }
  return std::visit([&](auto& reader) { return descend(reader, batches, chunk, interrupt); }, X_);
}

bool VarianceReduced::take_snapshot(Interrupt& interrupt) {
  std::vector<double> sums(w_.size());
  if (!loss_gradient(X_, losses_, w_.data(), intercept_, derivatives_.data(), sums.data(),
                     interrupt)) {
    return false;
  }
  const auto n = static_cast<double>(n_samples_);
  std::transform(sums.begin(), sums.end(), mean_gradient_.begin(), [n](double g) { return g / n; });
  mean_derivative_ = 0;
  for (const double a : derivatives_) mean_derivative_ += a / n;
  ++snapshots_;
  return true;
}

template <class Reader> bool VarianceReduced::descend(Reader& X, const Batches& batches,
                                                      Chunk& chunk, Interrupt& interrupt) {
  const Rows& rows = batches.rows;
  const auto at = [&](std::ptrdiff_t k) { return rows.order ? rows.order[k] : k; };
  for (std::ptrdiff_t k = rows.begin; k < rows.end; ++k) {
    if (k % poll_rows == 0) interrupt.poll();
    if (interrupt.stopped()) {
      chunk.interrupted = true;
      return false;
    }
    if (k + rows_ahead < rows.end) {
      X.prefetch_row(at(k + rows_ahead));
      __builtin_prefetch(derivatives_.data() + at(k + rows_ahead), 1);
    }
    const std::ptrdiff_t i = at(k);
    const auto row = X.row(i);
    const double z = dot(row, w_.data()) + intercept_;
    double derivative;
    const double loss = losses_.at(i, z, &derivative);
    chunk.loss += loss / losses_.scale;
    chunk.weight += losses_.weight(i) / losses_.scale;
    if (!std::isfinite(loss)) return false;
    learning_rate_ = batches.learning_rates[k - rows.begin];
    if (options_.line_search) {
      const double one = options_.fit_intercept ? 1.0 : 0.0;
      learning_rate_ *= searched_rate(i, z, loss, derivative, squared(row) + one);
      if (!std::isfinite(smoothness_)) return false;
    }
    step(row, i, derivative);
    ++chunk.steps;
  }
  return true;
}

// 1 / L with the L of Schmidt, Le Roux & Bach (2017), "Minimizing finite sums with the stochastic
// average gradient", section 4.6: doubled until a step of 1 / L along the gradient of this row
// alone lowers its loss by what a curvature of L allows, and halved in the course of an epoch. L is
// infinite where the squares of a row are, or those of its gradient.
double VarianceReduced::searched_rate(std::ptrdiff_t i, double margin, double loss,
                                      double derivative, double squared_norm) {
  if (smoothness_ == 0) {
    double bound = losses_.loss.entry->smoothness(losses_.loss.parameters) * losses_.weight(i);
    if (!std::isfinite(bound)) bound = losses_.curvature(i, margin);
    smoothness_ = bound * squared_norm;
  }
  if (smoothness_ == 0) return 0;
  const double slope = derivative * derivative * squared_norm;
  const double noise = rounding * (loss + std::abs(derivative * margin));
  const auto falls_enough = [&] {
    const double value = losses_.value(i, margin - derivative * squared_norm / smoothness_);
    return value <= loss - slope / (2 * smoothness_) + noise;
  };
  while (std::isfinite(smoothness_) && !falls_enough()) smoothness_ *= 2;
  const double rate = (options_.memory == Memory::last_turn ? saga_rate : svrg_rate) / smoothness_;
  smoothness_ *= halving_;
  return rate;
}

// Sparse rows move the weights of their own columns alone, by as many times as much of what all
// rows have in common as these are rarer than the rows; in the mean over all rows that is the same
// (Leblond, Pedregosa & Lacoste-Julien 2017, "ASAGA", section 2; with penalties Pedregosa, Leblond
// & Lacoste-Julien 2017, section 2).
template <class Row>
void VarianceReduced::step(const Row& row, std::ptrdiff_t i, double derivative) {
  const bool remembers = options_.memory == Memory::last_turn;
  double& remembered = derivatives_[static_cast<std::size_t>(i)];
  const double change = derivative - remembered;
  const double share = remembers ? change / static_cast<double>(n_samples_) : 0.0;
  const double rate = learning_rate_;
  for (std::ptrdiff_t k = 0; k < row.n; ++k) {
    const auto j = static_cast<std::size_t>(column(row, k));
    const double x = static_cast<double>(row.values[k]);
    const double reach = rarity_.empty() ? rate : rate * rarity_[j];
    const double w = w_[j] - (rate * change * x + reach * mean_gradient_[j]);
    w_[j] = soft(w, reach * options_.l1) / (1 + reach * options_.l2);
    mean_gradient_[j] += share * x;
  }
  if (options_.fit_intercept) intercept_ -= rate * (change + mean_derivative_);
  mean_derivative_ += share;
  if (remembers) remembered = derivative;
}

}  // namespace fallline
