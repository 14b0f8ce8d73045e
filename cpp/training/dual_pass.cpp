#include "training/dual_pass.hpp"

namespace fallline {
namespace {

// Rows between the one worked on and the one brought into the cache.
constexpr std::ptrdiff_t rows_ahead = 4;

// Rows between two looks at the user's signals.
constexpr std::ptrdiff_t poll_rows = 64;

// Below this a curvature divides to infinity, which the bounds of the dual variable cut.
constexpr double smallest_curvature = 1e-280;

void prefetch_row(const DualTask& task, const DualPoint& point, std::int64_t i) {
  __builtin_prefetch(point.duals + i, 1);
  __builtin_prefetch(task.targets + i);
  __builtin_prefetch(task.squared_norms + i);
  if (task.sample_weight) __builtin_prefetch(task.sample_weight + i);
}

template <class Reader, class Step> bool epoch(Reader X, const Step& step, const DualTask& task,
                                               DualPoint& point, Interrupt& interrupt) {
  const std::ptrdiff_t n = X.rows();
  double intercept = point.intercept, gap = 0;
  for (std::ptrdiff_t k = 0; k < n; ++k) {
    if (k % poll_rows == 0) interrupt.poll();
    if (interrupt.stopped()) break;
    if (k + rows_ahead < n) {
      X.prefetch_row(task.order[k + rows_ahead]);
      prefetch_row(task, point, task.order[k + rows_ahead]);
    }
    const std::int64_t i = task.order[k];
    const double s = task.sample_weight ? task.sample_weight[i] : 1.0;
    if (!(s > 0)) continue;
    const auto row = X.row(i);
    const double z = dot(row, point.w) + intercept, y = task.targets[i], a = point.duals[i];
    const double curvature = s * (task.rate * task.squared_norms[i] + task.intercept_rate);
    gap += s * step.excess(z, y, a);
    const double next = step.next(z, y, a, std::max(curvature, smallest_curvature));
    const double change = s * (next - a);
    if (change == 0) continue;
    point.duals[i] = next;
    add(row, -task.rate * change, point.w);
    intercept -= task.intercept_rate * change;
  }
  point.intercept = intercept;
  point.gap = gap;
  return !interrupt.stopped();
}

}  // namespace

bool dual_epoch(const AnyReader& X, const AnyDualStep& step, const DualTask& task, DualPoint& point,
                Interrupt& interrupt) {
  return std::visit(
      [&](const auto& reader, const auto& of_loss) {
        return epoch(reader, of_loss, task, point, interrupt);
      },
      X, step);
}

}  // namespace fallline
