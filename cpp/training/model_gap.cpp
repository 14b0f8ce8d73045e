#include "training/model_gap.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "training/parts.hpp"
#include "training/threads.hpp"

namespace fallline {
namespace {

constexpr std::ptrdiff_t block_rows = 256;

// Numbers read of each row, which decide how many threads it pays to have.
constexpr std::ptrdiff_t bytes_per_row = 4 * sizeof(double);

double weight(const ModelGapTask& task, std::ptrdiff_t row) {
  return task.sample_weight ? task.sample_weight[row] : 1.0;
}

// A derivative rises with the margin, so that its limits are those at infinite margins.
void clip(const ModelGapTask& task, std::ptrdiff_t begin, std::ptrdiff_t n, double* duals,
          ModelGap& sums) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const LossEntry<double>& loss = *task.loss.entry;
  double ends[block_rows], least[block_rows], most[block_rows];
  std::fill_n(ends, n, -infinity);
  loss.derivatives(ends, task.targets + begin, least, n, task.loss.parameters);
  std::fill_n(ends, n, infinity);
  loss.derivatives(ends, task.targets + begin, most, n, task.loss.parameters);
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const double s = weight(task, begin + i);
    const double dual = std::min(std::max(duals[i], least[i]), most[i]), added = dual - duals[i];
    duals[i] = dual;
    if (!(s > 0) || added == 0) continue;
    task.clipped[begin + i] = added;
    sums.slopes += s * std::abs(added);
    sums.n_clipped += 1;
  }
}

void add_block(const ModelGapTask& task, std::ptrdiff_t begin, std::ptrdiff_t n, ModelGap& sums) {
  const LossEntry<double>& loss = *task.loss.entry;
  const double *z = task.margins + begin, *end = task.ends + begin, *y = task.targets + begin;
  double slopes[block_rows], duals[block_rows], losses[block_rows], conjugates[block_rows];
  loss.derivatives(z, y, slopes, n, task.loss.parameters);
  loss.curvatures(z, y, duals, n, task.loss.parameters);
  for (std::ptrdiff_t i = 0; i < n; ++i) duals[i] = slopes[i] + duals[i] * (end[i] - z[i]);
  loss.values(end, y, losses, n, task.loss.parameters);
  loss.conjugates(duals, y, conjugates, n, task.loss.parameters);
  const auto is_infinite = [](double conjugate) { return !std::isfinite(conjugate); };
  if (std::any_of(conjugates, conjugates + n, is_infinite)) {
    clip(task, begin, n, duals, sums);
    loss.conjugates(duals, y, conjugates, n, task.loss.parameters);
  }
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const double s = weight(task, begin + i);
    if (!(s > 0)) continue;
    const double product = duals[i] * end[i];
    sums.excess += s * std::max(losses[i] + conjugates[i] - product, 0.0);
    sums.sizes += s * (losses[i] + std::abs(conjugates[i]) + std::abs(product));
    sums.slopes += s * std::abs(slopes[i]);
  }
}

}  // namespace

ModelGap model_gap(const ModelGapTask& task) {
  const std::ptrdiff_t length = part_rows(task.n);
  const std::ptrdiff_t count = std::max<std::ptrdiff_t>((task.n + length - 1) / length, 1);
  const int threads = threads_for(task.n * bytes_per_row, count);
  std::vector<ModelGap> parts(static_cast<std::size_t>(count), ModelGap{0, 0, 0, 0});
  std::atomic<bool> finite{true};
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    ModelGap& sums = parts[static_cast<std::size_t>(k)];
    const std::ptrdiff_t end = std::min((k + 1) * length, task.n);
    for (std::ptrdiff_t i = k * length; i < end && finite; i += block_rows) {
      add_block(task, i, std::min(block_rows, end - i), sums);
      if (!std::isfinite(sums.excess)) finite = false;
    }
  }
  if (!finite) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {infinity, infinity, infinity, 0};
  }
  add_pairwise(&parts[0].excess, count, 4);
  return parts[0];
}

}  // namespace fallline
