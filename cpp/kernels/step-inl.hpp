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

// Weights and slots are loaded into locals and stored back: through references into the arrays
// the compiler would read again what it has just stored.
template <class Rule, class T, class Element, class Place>
FALLLINE_INLINE void step_line(const StepTask<T>& task, const Element& rule,
                               const ElasticNet<vec<T>>& penalty, vec<T> scale, vec<T> keep,
                               const Place& at) {
  vec<T> slots[Rule::n_slots + 1];
  for (int s = 0; s < Rule::n_slots; ++s) slots[s] = at.load_from(task.slots[s]);
  vec<T> w = at.load_from(task.w);
  const vec<T> g = penalty.add_gradient(w, scale * at.load_from(task.gradient));
  w = keep * w;
  rule.step(w, g, slots);
  at.store_to(task.w, penalty.proximal(w));
  for (int s = 0; s < Rule::n_slots; ++s) at.store_to(task.slots[s], slots[s]);
}

template <class Rule, class T> void step(const StepTask<T>& task) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const StepNumbers& at = task.numbers;
  const typename Rule::template Element<vec<T>> rule(at);
  const ElasticNet<vec<T>> penalty(at.l2, at.l1, at.learning_rate);
  const vec<T> scale = constant<vec<T>>(at.gradient_scale);
  const vec<T> keep = constant<vec<T>>(1 - at.learning_rate * at.weight_decay);
  if (task.n == 1) {
    step_line<Rule>(task, rule, penalty, scale, keep, OnlyElement<T>{});
    return;
  }
  std::ptrdiff_t i = 0;
  for (; i + size <= task.n; i += size) {
    step_line<Rule>(task, rule, penalty, scale, keep, UpToVector<T>{i, size});
  }
  if (i < task.n) {
    step_line<Rule>(task, rule, penalty, scale, keep, UpToVector<T>{i, task.n - i});
  }
}
