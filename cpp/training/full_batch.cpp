#include "training/full_batch.hpp"

#include <algorithm>
#include <atomic>

#include "training/threads.hpp"

namespace fallline {
namespace {

template <class T> int threads_over(const MatrixView<T>& X, std::ptrdiff_t tiles) {
  return threads_for(X.rows * X.columns * static_cast<std::ptrdiff_t>(sizeof(T)), tiles);
}

}  // namespace

template <class T>
bool margins(const MatrixView<T>& X, const T* w, double intercept, T* out, Interrupt& interrupt) {
  const KernelTable<T>& table = kernels<T>();
  Window<T> window(table, X);
  const std::ptrdiff_t rows = window.rows();
  const std::ptrdiff_t tiles = (X.rows + rows - 1) / rows;
  const int threads = threads_over(X, tiles);
#pragma omp parallel for schedule(static) num_threads(threads) firstprivate(window) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < tiles; ++k) {
    if (thread_number() == 0) interrupt.poll();  // only the calling thread may ask for signals
    if (interrupt.stopped()) continue;
    const MatrixView<T> tile = window.view(X, k * rows, std::min((k + 1) * rows, X.rows));
    table.margins(tile, w, static_cast<T>(intercept), out + k * rows);
  }
  return !interrupt.stopped();
}

template <class T> bool head_margins(const MatrixView<T>& X, const T* w, const T* intercepts,
                                     std::ptrdiff_t n_heads, T* out, Interrupt& interrupt) {
  const KernelTable<T>& table = kernels<T>();
  Window<T> window(table, X);
  const std::ptrdiff_t rows =
      std::min(window.rows(), visit_rows(X.columns * head_lines<T>(n_heads)));
  const std::ptrdiff_t tiles = (X.rows + rows - 1) / rows;
  const int threads = threads_over(X, tiles);
#pragma omp parallel for schedule(static) num_threads(threads) firstprivate(window) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < tiles; ++k) {
    if (thread_number() == 0) interrupt.poll();
    if (interrupt.stopped()) continue;
    const MatrixView<T> tile = window.view(X, k * rows, std::min((k + 1) * rows, X.rows));
    table.head_margins(tile, w, intercepts, n_heads, out + k * rows * n_heads);
  }
  return !interrupt.stopped();
}

template <class T> bool all_finite(const MatrixView<T>& X) {
  const KernelTable<T>& table = kernels<T>();
  Window<T> window(table, X);
  const std::ptrdiff_t rows = window.rows();
  const std::ptrdiff_t tiles = (X.rows + rows - 1) / rows;
  const int threads = threads_over(X, tiles);
  std::atomic<bool> finite{true};
#pragma omp parallel for schedule(static) num_threads(threads) firstprivate(window) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < tiles; ++k) {
    const MatrixView<T> tile = window.view(X, k * rows, std::min((k + 1) * rows, X.rows));
    if (tile.stride == tile.columns) {
      if (!table.all_finite(tile.data, tile.rows * tile.columns)) finite = false;
    } else {
      for (std::ptrdiff_t i = 0; i < tile.rows; ++i) {
        if (!table.all_finite(tile.data + i * tile.stride, tile.columns)) finite = false;
      }
    }
  }
  return finite;
}

template <class T> double read_sum(const T* x, std::ptrdiff_t n) {
  const KernelTable<T>& table = kernels<T>();
  constexpr std::ptrdiff_t length = 1 << 16;
  const std::ptrdiff_t parts = (n + length - 1) / length;
  const int threads = threads_for(n * static_cast<std::ptrdiff_t>(sizeof(T)), parts);
  double total = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : total) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < parts; ++k) {
    total += table.read_sum(x + k * length, std::min(length, n - k * length));
  }
  return total;
}

template bool margins(const MatrixView<float>&, const float*, double, float*, Interrupt&);
template bool margins(const MatrixView<double>&, const double*, double, double*, Interrupt&);
template bool head_margins(const MatrixView<float>&, const float*, const float*, std::ptrdiff_t,
                           float*, Interrupt&);
template bool head_margins(const MatrixView<double>&, const double*, const double*, std::ptrdiff_t,
                           double*, Interrupt&);
template bool all_finite(const MatrixView<float>&);
template bool all_finite(const MatrixView<double>&);
template double read_sum(const float*, std::ptrdiff_t);
template double read_sum(const double*, std::ptrdiff_t);

}  // namespace fallline
