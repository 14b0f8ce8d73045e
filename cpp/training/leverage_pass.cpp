#include "training/leverage_pass.hpp"

#include <algorithm>

#include "training/threads.hpp"

namespace fallline {
namespace {

// The panels of L', with ones on the diagonal of the padding.
AlignedVector<double> transposed_panels(const double* L, std::ptrdiff_t n) {
  const std::ptrdiff_t lines = gram_lines(n);
  AlignedVector<double> panels(static_cast<std::size_t>(triangle_size(lines)));
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    for (std::ptrdiff_t j = 0; j <= i; ++j) {
      panels[static_cast<std::size_t>(triangle_place(j, i))] = L[i * n + j];
    }
  }
  for (std::ptrdiff_t i = n; i < lines * gram_lanes; ++i) {
    panels[static_cast<std::size_t>(triangle_place(i, i))] = 1;
  }
  return panels;
}

// A NaN stays.
void raise_to(double& largest, double x) {
  if (largest == largest && !(x <= largest)) largest = x;
}

struct Scratch {
  AlignedVector<double> tile, solved;
  double largest = 0;
};

}  // namespace

bool largest_leverage(StandardRows& X, const Standardizer& standardizer, const LeverageTask& task,
                      double& largest, Interrupt& interrupt) {
  const Rows& rows = task.rows;
  const std::ptrdiff_t n = rows.end - rows.begin, lines = standardizer.lines();
  const std::ptrdiff_t tiles = (n + gram_rows - 1) / gram_rows;
  const std::ptrdiff_t work = n * standardizer.n_columns() * lines;
  const int threads = threads_for(work * static_cast<std::ptrdiff_t>(sizeof(double)), tiles);
  const AlignedVector<double> panels = transposed_panels(task.L, standardizer.n_columns());
  const AlignedVector<double> empty(static_cast<std::size_t>(gram_tile_size(lines)));
  std::vector<Scratch> scratch(static_cast<std::size_t>(threads), {empty, empty});
  X.prepare(threads);

#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < tiles; ++k) {
    const int thread = thread_number();
    if (thread == 0) interrupt.poll();  // only the calling thread may ask for signals
    if (interrupt.stopped()) continue;
    Scratch& own = scratch[static_cast<std::size_t>(thread)];
    const std::ptrdiff_t begin = rows.begin + k * gram_rows;
    const Rows at{rows.order, begin, std::min(begin + gram_rows, rows.end)};
    X.read(at, standardizer.columns(), thread, own.tile.data());
    double leverages[gram_rows];
    kernels<double>().gram.leverages({own.tile.data(), lines, at.end - at.begin}, panels.data(),
                                     own.solved.data(), leverages);
    if (task.leverages) {
      std::copy_n(leverages, at.end - at.begin, task.leverages + (at.begin - rows.begin));
    }
    for (std::ptrdiff_t i = at.begin; i < at.end; ++i) {
      const std::ptrdiff_t row = rows.order ? rows.order[i] : i;
      if (task.sample_weight && !(task.sample_weight[row] > 0)) continue;
      raise_to(own.largest, leverages[i - at.begin]);
    }
  }
  largest = 0;
  for (const Scratch& own : scratch) raise_to(largest, own.largest);
  return !interrupt.stopped();
}

}  // namespace fallline
