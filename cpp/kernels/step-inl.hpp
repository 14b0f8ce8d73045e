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
  double memory(int k) const { return at.memory[k]; }
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
    return penalty.proximal(smooth_step(w, gradient, slots));
  }
  // All of it where l1 is zero.
  FALLLINE_INLINE vec<T> smooth_step(vec<T> w, vec<T> gradient, vec<T>* slots) const {
    const vec<T> g = penalty.add_gradient(w, scale * gradient);
    w = keep * w;
    rule.step(w, g, slots);
    return w;
  }
};

// What else may be done with weights and gradient while they are here. Where nothing is, nor is
// there an l1, a step of Adam from the second-level cache takes 6 % less on AVX2.
struct Nothing {
  static constexpr bool has_l1 = false;
  explicit Nothing(const StepNumbers&) {}
  template <class T, class Place>
  FALLLINE_INLINE void do_with(vec<T>, const StepArrays<T>&, const Place&) const {}
};

// The average begins with the weights after the first step.
template <class T> struct AverageAndClear {
  static constexpr bool has_l1 = true;
  vec<T> share;
  explicit AverageAndClear(const StepNumbers& at)
      : share(constant<vec<T>>(at.step == 1 ? 1 : 1 - at.fading)) {}
  template <class Place>
  FALLLINE_INLINE void do_with(vec<T> w, const StepArrays<T>& arrays, const Place& at) const {
    if (arrays.average) {
      const vec<T> average = at.load_from(arrays.average);
      at.store_to(arrays.average, fma(share, w - average, average));
    }
    if (arrays.cleared) at.store_to(arrays.cleared, set(T(0)));
  }
};

// Weights and slots are loaded into locals and stored back: through references into the arrays
// the compiler would read again what it has just stored.
template <class Rule, class T, class Others, class Place>
FALLLINE_INLINE void step_line(const StepArrays<T>& arrays, const Stepper<Rule, T>& stepper,
                               const Others& others, const Place& at) {
  vec<T> slots[Rule::n_slots + 1];
  for (int s = 0; s < Rule::n_slots; ++s) slots[s] = at.load_from(arrays.slots[s]);
  vec<T> w = stepper.smooth_step(at.load_from(arrays.w), at.load_from(arrays.gradient), slots);
  if (Others::has_l1) w = stepper.penalty.proximal(w);
  at.store_to(arrays.w, w);
  for (int s = 0; s < Rule::n_slots; ++s) at.store_to(arrays.slots[s], slots[s]);
  others.do_with(w, arrays, at);
}

// How many of n elements come before the first at the beginning of a cache line.
template <class T> FALLLINE_INLINE std::ptrdiff_t up_to_line(const T* p, std::ptrdiff_t n) {
  constexpr std::size_t line = 64;
  const std::size_t bytes = (line - reinterpret_cast<std::size_t>(p) % line) % line;
  const auto before = static_cast<std::ptrdiff_t>(bytes / sizeof(T));
  return before < n ? before : n;
}

// Below so many elements lines that are cut in two cost less than one more part of a vector.
constexpr std::ptrdiff_t long_array = 1024;

// Of the arrays a copy of its own: stores of vectors may change anything whose address is known
// elsewhere, and the addresses would be read again after each of them (100,000 weights, AVX-512:
// 0.16 instead of 0.20 ns a step of Adam). From the first whole line of the weights on, at which
// the other arrays most often begin one too (0.145; 10 million with an average 0.52 instead of
// 0.59).
template <class Rule, class T, class Others>
FALLLINE_INLINE void step_lines(const StepArrays<T> arrays, const Stepper<Rule, T>& stepper,
                                const Others& others) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  if (arrays.n == 1) {
    step_line(arrays, stepper, others, OnlyElement<T>{});
    return;
  }
  std::ptrdiff_t i = arrays.n < long_array ? 0 : up_to_line(arrays.w, arrays.n);
  if (i > 0) step_line(arrays, stepper, others, UpToVector<T>{0, i});
  for (; i + size <= arrays.n; i += size) {
    step_line(arrays, stepper, others, UpToVector<T>{i, size});
  }
  if (i < arrays.n) step_line(arrays, stepper, others, UpToVector<T>{i, arrays.n - i});
}

template <class Rule, class T>
void step(const StepNumbers& numbers, const StepArrays<T>* arrays, std::ptrdiff_t count) {
  const Stepper<Rule, T> stepper{Numbers<vec<T>>(numbers)};
  const Nothing nothing(numbers);
  const AverageAndClear<T> others(numbers);
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    if (arrays[k].average || arrays[k].cleared || numbers.l1 != 0) {
      step_lines(arrays[k], stepper, others);
    } else {
      step_lines(arrays[k], stepper, nothing);
    }
  }
}

// What a rule sums up over its arrays, in float64 from short sums on.
template <class Rule, class T>
void reduce(const StepNumbers& numbers, const StepArrays<T>& all, double* sums) {
  const StepArrays<T> arrays = all;  // as in step_lines
  constexpr std::ptrdiff_t size = vec<T>::size, short_sum = 32 * size;
  const typename Rule::template Reduction<vec<T>> reduction{Numbers<vec<T>>(numbers)};
  const vec<T> scale = constant<vec<T>>(numbers.gradient_scale);
  const vec<T> l2 = constant<vec<T>>(numbers.l2);
  for (std::ptrdiff_t begin = 0; begin < arrays.n; begin += short_sum) {
    const std::ptrdiff_t end = arrays.n - begin < short_sum ? arrays.n : begin + short_sum;
    vec<T> of_lines[Rule::n_sums];
    for (int k = 0; k < Rule::n_sums; ++k) of_lines[k] = set(T(0));
    for (std::ptrdiff_t i = begin; i < end; i += size) {
      const UpToVector<T> at{i, end - i < size ? end - i : size};
      vec<T> slots[Rule::n_slots + 1];
      for (int s = 0; s < Rule::n_slots; ++s) slots[s] = at.load_from(arrays.slots[s]);
      const vec<T> w = at.load_from(arrays.w);
      reduction.add(w, fma(l2, w, scale * at.load_from(arrays.gradient)), slots, of_lines);
      for (int s = 0; s < Rule::n_slots; ++s) at.store_to(arrays.slots[s], slots[s]);
    }
    for (int k = 0; k < Rule::n_sums; ++k) sums[k] += static_cast<double>(sum(of_lines[k]));
  }
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
