// One step of an update rule over an array: penalty, decay, rule and proximal step in one pass.
#pragma once

// Elements i to i + left, at most a vector of them.
template <class T> struct UpToVector {
  std::ptrdiff_t i, left;
  FALLLINE_INLINE vec<T> load_from(const T* p) const { return load_up_to(p + i, left); }
  FALLLINE_INLINE void store_to(T* p, vec<T> x) const { store_up_to(p + i, left, x); }
};

// The only element, for the intercept: it is read right after it was written, which a load of a
// whole vector would have to wait for.
template <class T> struct OnlyElement {
  FALLLINE_INLINE vec<T> load_from(const T* p) const { return set(*p); }
  FALLLINE_INLINE void store_to(T* p, vec<T> x) const { *p = first(x); }
};

// What a step is made of, as vectors. A rule takes its rate, `parameters` and `step` from it.
template <class V> struct Numbers {
  std::int64_t step;
  const double* parameters;
  const StepNumbers& at;

  explicit Numbers(const StepNumbers& at_) : step(at_.step), parameters(at_.parameters), at(at_) {}
  FALLLINE_INLINE V rate() const { return constant<V>(at.learning_rate); }
  FALLLINE_INLINE V rate_over(double divisor) const {
    return constant<V>(at.learning_rate / divisor);
  }
  template <class F> V rate_by(const F& function) const {
    return constant<V>(function(at.learning_rate));
  }
  FALLLINE_INLINE V gradient_scale() const { return constant<V>(at.gradient_scale); }
  FALLLINE_INLINE V keep() const { return constant<V>(1 - at.learning_rate * at.weight_decay); }
  FALLLINE_INLINE ElasticNet<V> penalty() const {
    return {constant<V>(at.l2), constant<V>(at.learning_rate * at.l1)};
  }
};

// The same of one line of heads: a number of its own in each lane.
template <class T> struct HeadNumbers {
  std::int64_t step;
  const double* parameters;
  const HeadStepTask<T>& at;
  static constexpr std::ptrdiff_t size = vec<T>::size;

  explicit HeadNumbers(const HeadStepTask<T>& at_)
      : step(at_.step), parameters(at_.parameters), at(at_) {}
  vec<T> rate() const { return rounded(at.learning_rate); }
  vec<T> rate_over(double divisor) const {
    double of[size];
    for (std::ptrdiff_t k = 0; k < size; ++k) of[k] = at.learning_rate[k] / divisor;
    return rounded(of);
  }
  template <class F> vec<T> rate_by(const F& function) const {
    double of[size];
    for (std::ptrdiff_t k = 0; k < size; ++k) of[k] = function(at.learning_rate[k]);
    return rounded(of);
  }
  vec<T> gradient_scale() const { return rounded(at.gradient_scale); }
  vec<T> keep() const {
    double of[size];
    for (std::ptrdiff_t k = 0; k < size; ++k) {
      of[k] = 1 - at.learning_rate[k] * at.weight_decay[k];
    }
    return rounded(of);
  }
  ElasticNet<vec<T>> penalty() const {
    double threshold[size];
    for (std::ptrdiff_t k = 0; k < size; ++k) threshold[k] = at.learning_rate[k] * at.l1[k];
    return {rounded(at.l2), rounded(threshold)};
  }

 private:
  static vec<T> rounded(const double* numbers) {
    T of[size];
    for (std::ptrdiff_t k = 0; k < size; ++k) of[k] = static_cast<T>(numbers[k]);
    return load(of);
  }
};

// All of a step that does not change from one element to the next.
template <class Rule, class T> struct Stepper {
  typename Rule::template Element<vec<T>> rule;
  ElasticNet<vec<T>> penalty;
  vec<T> scale, keep;

  template <class N> explicit Stepper(const N& numbers)
      : rule(numbers),
        penalty(numbers.penalty()),
        scale(numbers.gradient_scale()),
        keep(numbers.keep()) {}

  FALLLINE_INLINE vec<T> step(vec<T> w, vec<T> gradient, vec<T>* slots) const {
    const vec<T> g = penalty.add_gradient(w, scale * gradient);
    w = keep * w;
    rule.step(w, g, slots);
    return penalty.proximal(w);
  }
};

// Weights and slots are loaded into locals and stored back: through references into the arrays
// the compiler would read again what it has just stored.
template <class Rule, class T, class Place>
FALLLINE_INLINE void step_line(const StepTask<T>& task, const Stepper<Rule, T>& stepper,
                               const Place& at) {
  vec<T> slots[Rule::n_slots + 1];
  for (int s = 0; s < Rule::n_slots; ++s) slots[s] = at.load_from(task.slots[s]);
  const vec<T> w = at.load_from(task.w);
  at.store_to(task.w, stepper.step(w, at.load_from(task.gradient), slots));
  for (int s = 0; s < Rule::n_slots; ++s) at.store_to(task.slots[s], slots[s]);
}

template <class Rule, class T> void step(const StepTask<T>& task) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const Stepper<Rule, T> stepper{Numbers<vec<T>>(task.numbers)};
  if (task.n == 1) {
    step_line(task, stepper, OnlyElement<T>{});
    return;
  }
  std::ptrdiff_t i = 0;
  for (; i + size <= task.n; i += size) step_line(task, stepper, UpToVector<T>{i, size});
  if (i < task.n) step_line(task, stepper, UpToVector<T>{i, task.n - i});
}

template <class Rule, class T> void head_step(const HeadStepTask<T>& task) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const Stepper<Rule, T> stepper{HeadNumbers<T>(task)};
  const vec<T> stays = load(task.stays);
  for (std::ptrdiff_t i = 0; i < task.n * size; i += size) {
    vec<T> slots[Rule::n_slots + 1];
    for (int s = 0; s < Rule::n_slots; ++s) slots[s] = load(task.slots[s] + i);
    const vec<T> w = load(task.w + i);
    store(task.w + i, select_negative(stays, w, stepper.step(w, load(task.gradient + i), slots)));
    for (int s = 0; s < Rule::n_slots; ++s) store(task.slots[s] + i, slots[s]);
  }
}
