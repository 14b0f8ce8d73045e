// One step of an update rule over an array: penalty, decay, rule and proximal step in one pass.
#pragma once

// Weights and slots are loaded into locals and stored back: through references into the arrays
// the compiler would read again what it has just stored.
template <class Rule, class T, class Element>
FALLLINE_INLINE void step_line(const StepTask<T>& task, const Element& rule,
                               const ElasticNet<vec<T>>& penalty, vec<T> scale, vec<T> keep,
                               std::ptrdiff_t i, std::ptrdiff_t left) {
  vec<T> slots[Rule::n_slots + 1];
  for (int s = 0; s < Rule::n_slots; ++s) slots[s] = load_up_to(task.slots[s] + i, left);
  vec<T> w = load_up_to(task.w + i, left);
  const vec<T> g = penalty.add_gradient(w, scale * load_up_to(task.gradient + i, left));
  w = keep * w;
  rule.step(w, g, slots);
  store_up_to(task.w + i, left, penalty.proximal(w));
  for (int s = 0; s < Rule::n_slots; ++s) store_up_to(task.slots[s] + i, left, slots[s]);
}

template <class Rule, class T> void step(const StepTask<T>& task) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const StepNumbers& at = task.numbers;
  const typename Rule::template Element<vec<T>> rule(at);
  const ElasticNet<vec<T>> penalty(at.l2, at.l1, at.learning_rate);
  const vec<T> scale = constant<vec<T>>(at.gradient_scale);
  const vec<T> keep = constant<vec<T>>(1 - at.learning_rate * at.weight_decay);
  std::ptrdiff_t i = 0;
  for (; i + size <= task.n; i += size) {
    step_line<Rule>(task, rule, penalty, scale, keep, i, size);
  }
  if (i < task.n) step_line<Rule>(task, rule, penalty, scale, keep, i, task.n - i);
}
