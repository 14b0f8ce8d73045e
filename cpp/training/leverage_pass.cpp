#include "training/leverage_pass.hpp"

#include <algorithm>
#include <vector>

#include "training/threads.hpp"

namespace fallline {
namespace {

// A sparse tile needs the inverse, which pays with so many rows for each column.
constexpr std::ptrdiff_t rows_per_column = 16;

bool pays_to_invert(const StandardRows& X, const Standardizer& standardizer, std::ptrdiff_t n) {
  return X.is_sparse(standardizer) && n >= rows_per_column * standardizer.n_columns();
}

// A NaN stays.
void raise_to(double& largest, double x) {
  if (largest == largest && !(x <= largest)) largest = x;
}

struct Scratch {
  std::unique_ptr<StandardTile> tile;
  double largest = 0;
};

}  // namespace

bool largest_leverage(const StandardRows& X, const Standardizer& standardizer,
                      const LeverageTask& task, double& largest, Interrupt& interrupt) {
  const Rows& rows = task.rows;
  const std::ptrdiff_t n = rows.end - rows.begin, lines = standardizer.lines();
  const std::ptrdiff_t tiles = (n + gram_rows - 1) / gram_rows;
  const std::ptrdiff_t work = n * standardizer.n_columns() * lines;
  const int threads = threads_for(work * static_cast<std::ptrdiff_t>(sizeof(double)), tiles);
  const bool inverts = pays_to_invert(X, standardizer, n);
  const LeverageFactor L = inverts ? inverse_of(task.L, standardizer.n_columns())
                                   : panels_of(task.L, standardizer.n_columns());
  std::vector<Scratch> scratch(static_cast<std::size_t>(threads));
  for (Scratch& own : scratch)
    own.tile = inverts ? X.tile(standardizer) : X.line_tile(standardizer);

#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < tiles; ++k) {
    const int thread = thread_number();
    if (thread == 0) interrupt.poll();  // only the calling thread may ask for signals
    if (interrupt.stopped()) continue;
    Scratch& own = scratch[static_cast<std::size_t>(thread)];
    const std::ptrdiff_t begin = rows.begin + k * gram_rows;
    const Rows at{rows.order, begin, std::min(begin + gram_rows, rows.end)};
    own.tile->read(at);
    double leverages[gram_rows];
    own.tile->leverages(L, leverages);
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
