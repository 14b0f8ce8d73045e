#include "training/pass.hpp"

#include <algorithm>

#include "training/threads.hpp"

namespace fallline {

template <class T> bool run_tile(const KernelTable<T>& kernels, const TileTask<T>& task,
                                 Window<T>& window, std::ptrdiff_t limit, Sums& sums,
                                 Interrupt* poll, const Interrupt& stop) {
  const MatrixView<T>& X = task.samples.X;
  if (!X.unpack && task.rows.end - task.rows.begin <= window.rows()) {  // as it is: no copies
    kernels.tile(task, sums);
    return true;
  }
  const std::ptrdiff_t length = visit_rows(X.columns);
  for (std::ptrdiff_t begin = task.rows.begin; begin < task.rows.end; begin += length) {
    if (begin > task.rows.begin) {
      if (poll) poll->poll();
      if (stop.stopped()) return false;
    }
    const std::ptrdiff_t end = std::min(begin + length, task.rows.end);
    for (std::ptrdiff_t at = begin; at < end; at += window.rows()) {
      TileTask<T> visit = task;
      visit.rows.begin = at;
      visit.rows.end = std::min(at + window.rows(), end);
      window.show(visit, limit);
      kernels.tile(visit, sums);
    }
  }
  return true;
}

template <class T> Pass<T>::Pass(const KernelTable<T>& kernels, const BoundLoss<T>& loss,
                                 const Samples<T>& samples, bool wants_gradient)
    : kernels_(kernels),
      loss_(loss),
      samples_(samples),
      width_(wants_gradient ? padded_size<T>(samples.X.columns) : 0) {}

template <class T> void Pass<T>::run_part(const Rows& rows, const T* w, double intercept,
                                          Window<T>& window, T* scratch, double* gradient,
                                          Sums& sums, Interrupt* interrupt,
                                          const Interrupt& stop) const {
  window.forget();
  for (std::ptrdiff_t begin = rows.begin; begin < rows.end; begin += tile_rows) {
    if (interrupt) interrupt->poll();
    if (stop.stopped()) return;
    std::fill(scratch, scratch + width_, T(0));
    const Rows tile{rows.order, begin, std::min(begin + tile_rows, rows.end), rows.known};
    const TileTask<T> task{
        samples_, tile, w, static_cast<T>(intercept), loss_, width_ ? scratch : nullptr};
    if (!run_tile(kernels_, task, window, rows.end, sums, interrupt, stop)) return;
    for (std::ptrdiff_t j = 0; j < width_; ++j) gradient[j] += static_cast<double>(scratch[j]);
  }
}

template <class T>
bool Pass<T>::run(const Rows& rows, const T* w, double intercept, Interrupt& interrupt) {
  const std::ptrdiff_t n = rows.end - rows.begin;
  const std::ptrdiff_t length = part_rows(n);
  const std::ptrdiff_t count = std::max<std::ptrdiff_t>((n + length - 1) / length, 1);
  const int threads =
      threads_for(n * samples_.X.columns * static_cast<std::ptrdiff_t>(sizeof(T)), count);
  parts_.assign(static_cast<std::size_t>(count * width_), 0.0);
  scratch_.resize(static_cast<std::size_t>(threads * width_));
  windows_.resize(static_cast<std::size_t>(threads), Window<T>(kernels_, samples_.X));
  std::vector<Sums> sums(static_cast<std::size_t>(count));

#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    const Rows part{rows.order, rows.begin + k * length,
                    std::min(rows.begin + (k + 1) * length, rows.end), rows.known};
    const int thread = thread_number();
    // Signals can be asked for on the calling thread only, which is OpenMP's thread 0.
    run_part(part, w, intercept, windows_[static_cast<std::size_t>(thread)],
             scratch_.data() + thread * width_, parts_.data() + k * width_,
             sums[static_cast<std::size_t>(k)], thread == 0 ? &interrupt : nullptr, interrupt);
  }
  if (interrupt.stopped()) return false;

  add_pairwise(parts_.data(), count, width_);
  for (std::ptrdiff_t stride = 1; stride < count; stride *= 2) {
    for (std::ptrdiff_t k = 0; k + stride < count; k += 2 * stride) {
      Sums& into = sums[static_cast<std::size_t>(k)];
      const Sums& other = sums[static_cast<std::size_t>(k + stride)];
      into.loss += other.loss;
      into.weight += other.weight;
      into.intercept_gradient += other.intercept_gradient;
    }
  }
  sums_ = sums[0];
  return true;
}

template bool run_tile(const KernelTable<float>&, const TileTask<float>&, Window<float>&,
                       std::ptrdiff_t, Sums&, Interrupt*, const Interrupt&);
template bool run_tile(const KernelTable<double>&, const TileTask<double>&, Window<double>&,
                       std::ptrdiff_t, Sums&, Interrupt*, const Interrupt&);
template class Pass<float>;
template class Pass<double>;

}  // namespace fallline
