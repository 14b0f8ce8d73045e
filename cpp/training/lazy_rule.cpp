#include "training/lazy_rule.hpp"

#include <algorithm>
#include <string>

#include "core/find.hpp"

namespace fallline {
namespace {

// The step that momentum makes without a gradient of the loss, with L2 and decoupled decay.
LinearStep coasting(const StepNumbers& at, Motion motion) {
  const double momentum = at.parameters[0];
  const double keep = 1 - at.learning_rate * at.weight_decay;
  const bool is_damped = motion == Motion::damped && at.step > 1;
  const double into = is_damped ? at.l2 * (1 - at.parameters[1]) : at.l2;
  // Nesterov's step is along l2 w + momentum v' instead of v' = momentum v + l2 w.
  const bool is_nesterov = motion == Motion::nesterov;
  const double l2 = is_nesterov ? into * (1 + momentum) : into;
  const double along = is_nesterov ? momentum * momentum : momentum;
  return {keep - at.learning_rate * l2, -at.learning_rate * along, into, momentum};
}

Motion motion_of(const std::string& rule) {
  if (rule == "momentum") return Motion::heavy_ball;
  if (rule == "damped_momentum") return Motion::damped;
  return rule == "nesterov" ? Motion::nesterov : Motion::none;
}

}  // namespace

template <class T, class I>
LazyRule<T, I>::LazyRule(const KernelTable<T>& kernels, const char* rule,
                         const StepOptions& options, std::ptrdiff_t n_features)
    : kernels_(kernels),
      rule_(find(kernels.rules, rule)),
      is_sgd_(rule == std::string("sgd")),
      motion_(motion_of(rule)),
      n_features_(n_features),
      weights_(kernels, n_features, options.l1 > 0),
      slots_(static_cast<std::size_t>(rule_.n_slots)),
      touched_slots_(static_cast<std::size_t>(rule_.n_slots)) {
  for (auto& slot : slots_) slot.resize(static_cast<std::size_t>(n_features));
  if (motion_ != Motion::none) missed_.emplace(n_features);
}

template <class T, class I> void LazyRule<T, I>::prepare(const CsrBlock<T, I>& block) {
  if (missed_) {
    for (const CsrRow<T, I>& row : block.rows) {
      for (std::ptrdiff_t k = 0; k < row.n; ++k) make_up(row.indices[k]);
    }
  }
  if (weights_.paid()) {
    csr_kernels<I>(kernels_).threshold(block.rows.data(), block.n_rows(), weights_.due(),
                                       weights_.paid(), weights_.v());
  }
}

template <class T, class I> void LazyRule<T, I>::advance(const StepNumbers& numbers) {
  const double decay = numbers.weight_decay + (is_sgd_ ? numbers.l2 : 0);
  const double shrink = missed_ ? 1 : 1 - numbers.learning_rate * decay;
  weights_.advance(shrink, numbers.learning_rate * numbers.l1);
}

template <class T, class I>
void LazyRule<T, I>::step(const StepNumbers& numbers, CsrBlock<T, I>& block) {
  advance(numbers);
  const double factor = -numbers.learning_rate * numbers.gradient_scale / weights_.scale();
  for (T& residual : block.residuals) {
    residual = static_cast<T>(factor * static_cast<double>(residual));
  }
  csr_kernels<I>(kernels_).add(block.rows.data(), block.n_rows(), block.residuals.data(),
                               weights_.v());
}

template <class T, class I> double* LazyRule<T, I>::gradient() {
  gradient_.resize(static_cast<std::size_t>(n_features_));  // at its first use
  return gradient_.data();
}

template <class T, class I> void LazyRule<T, I>::collect(const CsrBlock<T, I>& block) {
  Collector<T> collector = begin_collecting(block.n_elements);
  for (const CsrRow<T, I>& row : block.rows) {
    for (std::ptrdiff_t k = 0; k < row.n; ++k) collector.take(row.indices[k]);
  }
  n_touched_ = collector.n;
}

template <class T, class I> void LazyRule<T, I>::collect_all() {
  Collector<T> collector = begin_collecting(n_features_);
  for (std::ptrdiff_t j = 0; j < n_features_; ++j) collector.take(j);
  n_touched_ = collector.n;
}

template <class T, class I> Collector<T> LazyRule<T, I>::begin_collecting(std::ptrdiff_t at_most) {
  const auto room = static_cast<std::size_t>(n_touched_ + at_most + 1);
  if (touched_.size() < room) {
    touched_.resize(room);
    touched_gradient_.resize(room);
  }
  return {gradient_.data(), touched_.data(), touched_gradient_.data(), n_touched_};
}

template <class T, class I> void LazyRule<T, I>::step(const StepNumbers& numbers) {
  gather();
  StepArrays<T> arrays{touched_w_.data(), touched_gradient_.data(), {}, n_touched_};
  for (std::size_t s = 0; s < slots_.size(); ++s) arrays.slots[s] = touched_slots_[s].data();
  rule_.step(numbers, &arrays, 1);
  if (missed_) missed_->append(coasting(numbers, motion_));
  advance(numbers);
  scatter();
  n_touched_ = 0;
  if (missed_ && missed_->full()) make_up_for_all();
}

template <class T, class I> void LazyRule<T, I>::gather() {
  if (touched_w_.size() < touched_.size()) {
    touched_w_.resize(touched_.size());
    for (auto& slot : touched_slots_) slot.resize(touched_.size());
  }
  gather(weights_.v(), weights_.scale(), touched_w_.data());
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    gather(slots_[s].data(), 1, touched_slots_[s].data());
  }
}

template <class T, class I> void LazyRule<T, I>::scatter() {
  scatter(touched_w_.data(), 1 / weights_.scale(), weights_.v());
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    scatter(touched_slots_[s].data(), 1, slots_[s].data());
  }
  for (std::ptrdiff_t k = 0; weights_.paid() && k < n_touched_; ++k) {
    weights_.paid()[touched_at(k)] = weights_.due();
  }
  for (std::ptrdiff_t k = 0; missed_ && k < n_touched_; ++k) {
    missed_->set_up_to_date(touched_at(k));
  }
}

template <class T, class I> void LazyRule<T, I>::gather(const T* from, double scale, T* to) const {
  const std::ptrdiff_t* touched = touched_.data();
  for (std::ptrdiff_t k = 0; k < n_touched_; ++k) {
    to[k] = static_cast<T>(scale * static_cast<double>(from[touched[k]]));
  }
}

template <class T, class I> void LazyRule<T, I>::scatter(const T* from, double scale, T* to) const {
  const std::ptrdiff_t* touched = touched_.data();
  for (std::ptrdiff_t k = 0; k < n_touched_; ++k) {
    to[touched[k]] = static_cast<T>(scale * static_cast<double>(from[k]));
  }
}

template <class T, class I> void LazyRule<T, I>::forget_gradient() {
  std::fill(gradient_.begin(), gradient_.end(), 0.0);
}

template <class T, class I> void LazyRule<T, I>::make_up(std::ptrdiff_t feature) {
  if (missed_->is_up_to_date(feature)) return;
  T& velocity = slots_[0][static_cast<std::size_t>(feature)];
  missed_->make_up(feature, weights_.v()[feature], velocity);
  missed_->set_up_to_date(feature);
}

template <class T, class I> void LazyRule<T, I>::make_up_for_all() {
  for (std::ptrdiff_t j = 0; j < n_features_; ++j) make_up(j);
  missed_->clear();
}

template <class T, class I> void LazyRule<T, I>::read_weights(T* w) const {
  const T* v = weights_.v();
  for (std::ptrdiff_t j = 0; missed_ && j < n_features_; ++j) {
    w[j] = v[j];
    T velocity = slots_[0][static_cast<std::size_t>(j)];
    missed_->make_up(j, w[j], velocity);
  }
  weights_.read(missed_ ? w : v, w);
}

template <class T, class I> void LazyRule<T, I>::assign_weights(const T* w) {
  if (missed_) make_up_for_all();  // of the velocities, which stay
  weights_.assign(w);
}

template class LazyRule<float, std::int32_t>;
template class LazyRule<float, std::int64_t>;
template class LazyRule<double, std::int32_t>;
template class LazyRule<double, std::int64_t>;

}  // namespace fallline
