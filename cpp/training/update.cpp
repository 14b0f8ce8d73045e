#include "training/update.hpp"

#include <algorithm>

#include "training/threads.hpp"

namespace fallline {

template <class T> void update(const RuleEntry<T>& rule, const StepTask<T>& task) {
  constexpr std::ptrdiff_t length = 1 << 15;
  const std::ptrdiff_t parts = (task.n + length - 1) / length;
  const std::ptrdiff_t arrays = 2 + rule.n_slots;
  const int threads = threads_for(task.n * arrays * static_cast<std::ptrdiff_t>(sizeof(T)), parts);
  if (threads == 1) {
    rule.step(task);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::ptrdiff_t k = 0; k < parts; ++k) {
    StepTask<T> part = task;
    const std::ptrdiff_t begin = k * length;
    part.w += begin;
    part.gradient += begin;
    for (int s = 0; s < rule.n_slots; ++s) part.slots[s] += begin;
    part.n = std::min(length, task.n - begin);
    rule.step(part);
  }
}

template void update(const RuleEntry<float>&, const StepTask<float>&);
template void update(const RuleEntry<double>&, const StepTask<double>&);

}  // namespace fallline
