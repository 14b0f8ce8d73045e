#include "training/update.hpp"

#include <algorithm>

#include "training/threads.hpp"

namespace fallline {

template <class T>
void update(const RuleEntry<T>& rule, const StepNumbers& numbers, const StepArrays<T>& arrays) {
  constexpr std::ptrdiff_t length = 1 << 15;
  const std::ptrdiff_t parts = (arrays.n + length - 1) / length;
  const std::ptrdiff_t count = 2 + rule.n_slots;
  const int threads = threads_for(arrays.n * count * static_cast<std::ptrdiff_t>(sizeof(T)), parts);
  if (threads == 1) {
    rule.step(numbers, &arrays, 1);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::ptrdiff_t k = 0; k < parts; ++k) {
    StepArrays<T> part = arrays;
    const std::ptrdiff_t begin = k * length;
    part.w += begin;
    part.gradient += begin;
    for (int s = 0; s < rule.n_slots; ++s) part.slots[s] += begin;
    part.n = std::min(length, arrays.n - begin);
    rule.step(numbers, &part, 1);
  }
}

template <class T> void update(const RuleEntry<T>& rule, const HeadStepTask<T>& task) {
  constexpr std::ptrdiff_t lanes = head_lanes<T>;
  constexpr std::ptrdiff_t length = (1 << 15) / lanes;
  const std::ptrdiff_t parts = (task.n + length - 1) / length;
  const std::ptrdiff_t arrays = 2 + rule.n_slots;
  const int threads =
      threads_for(task.n * lanes * arrays * static_cast<std::ptrdiff_t>(sizeof(T)), parts);
  if (threads == 1) {
    rule.head_step(task);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::ptrdiff_t k = 0; k < parts; ++k) {
    HeadStepTask<T> part = task;
    const std::ptrdiff_t begin = k * length;
    part.w += begin * lanes;
    part.gradient += begin * lanes;
    for (int s = 0; s < rule.n_slots; ++s) part.slots[s] += begin * lanes;
    part.n = std::min(length, task.n - begin);
    rule.head_step(part);
  }
}

template void update(const RuleEntry<float>&, const StepNumbers&, const StepArrays<float>&);
template void update(const RuleEntry<double>&, const StepNumbers&, const StepArrays<double>&);
template void update(const RuleEntry<float>&, const HeadStepTask<float>&);
template void update(const RuleEntry<double>&, const HeadStepTask<double>&);

}  // namespace fallline
