// Margins and gradient of many heads over a block of rows. Lanes are heads: every element of X is
// broadcast and multiplied with the weights of a whole line of heads, so that no length has a tail
// and nothing is summed across lanes. A head's sums run over features, or rows, one after the
// other, whatever heads ride along and however many rows the target takes at once.
#pragma once

// Not head_lines: a function of a named namespace would be a weak symbol of this target.
template <class T> FALLLINE_INLINE std::ptrdiff_t lines_of(std::ptrdiff_t n_heads) {
  return (n_heads + vec<T>::size - 1) / vec<T>::size;
}

// Margins of n rows in one line of heads. Meanwhile as many rows that are needed later are brought
// into the cache, line by line, unless `later` is null: so many short streams escape the
// prefetchers of the processor. From memory 16 heads took 46 instead of 70 ns per row at d = 100,
// and 20 instead of 27 at d = 30 (benchmarks/bench_heads.py).
template <int n, class T>
FALLLINE_INLINE void line_margins(const T* const* x, const T* const* later, const T* w,
                                  vec<T> intercepts, std::ptrdiff_t columns, T* out) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  vec<T> z[n];
  for (int k = 0; k < n; ++k) z[k] = set(T(0));
  for (std::ptrdiff_t j = 0; j < columns;) {
    for (int k = 0; later && k < n; ++k) prefetch(later[k] + j);
    const std::ptrdiff_t end = j + size < columns ? j + size : columns;
    for (; j < end; ++j) {
      const vec<T> weights = load(w + j * size);
      for (int k = 0; k < n; ++k) z[k] = fma(set(x[k][j]), weights, z[k]);
    }
  }
  for (int k = 0; k < n; ++k) store(out + k * size, z[k] + intercepts);
}

// g += sum_k x[k] residuals[k] over n rows: every line of the gradient is read and written once.
// Keeping lines of several features in registers for a whole block measured the same.
template <int n, class T> FALLLINE_INLINE void add_line_rows(const T* const* x, const T* residuals,
                                                             std::ptrdiff_t columns, T* g) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  vec<T> r[n];
  for (int k = 0; k < n; ++k) r[k] = load(residuals + k * size);
  for (std::ptrdiff_t j = 0; j < columns; ++j) {
    vec<T> sum = load(g + j * size);
    for (int k = 0; k < n; ++k) sum = fma(set(x[k][j]), r[k], sum);
    store(g + j * size, sum);
  }
}

// Both of any number of rows: n at a time as long as there are, then half as many, down to one.
template <int n, class T>
FALLLINE_INLINE void block_margins(const T* const* x, const T* const* later, std::ptrdiff_t n_rows,
                                   const T* w, vec<T> intercepts, std::ptrdiff_t columns, T* out) {
  std::ptrdiff_t k = 0;
  for (; k + n <= n_rows; k += n) {
    line_margins<n>(x + k, later ? later + k : later, w, intercepts, columns,
                    out + k * vec<T>::size);
  }
  if constexpr (n > 1) {
    block_margins<n / 2>(x + k, later ? later + k : later, n_rows - k, w, intercepts, columns,
                         out + k * vec<T>::size);
  }
}
template <int n, class T>
FALLLINE_INLINE void add_block_rows(const T* const* x, std::ptrdiff_t n_rows, const T* residuals,
                                    std::ptrdiff_t columns, T* g) {
  std::ptrdiff_t k = 0;
  for (; k + n <= n_rows; k += n) {
    add_line_rows<n>(x + k, residuals + k * vec<T>::size, columns, g);
  }
  if constexpr (n > 1) {
    add_block_rows<n / 2>(x + k, n_rows - k, residuals + k * vec<T>::size, columns, g);
  }
}

struct HeadLanes {
  template <class T> static FALLLINE_INLINE void margins(const HeadTileTask<T>& task,
                                                         const T* const* x, const T* const* later,
                                                         std::ptrdiff_t n_rows) {
    constexpr std::ptrdiff_t size = vec<T>::size;
    const std::ptrdiff_t columns = task.samples.X.columns;
    for (std::ptrdiff_t l = 0; l < lines_of<T>(task.samples.n_heads); ++l) {
      block_margins<line_registers, T>(
          x, l == 0 ? later : nullptr, n_rows, task.w + l * columns * size,
          load(task.intercepts + l * size), columns, task.block + l * head_block_rows * size);
    }
  }

  template <class T> static FALLLINE_INLINE void gradient(const HeadTileTask<T>& task,
                                                          const T* const* x, const T* const*,
                                                          std::ptrdiff_t n_rows) {
    constexpr std::ptrdiff_t size = vec<T>::size;
    const std::ptrdiff_t columns = task.samples.X.columns;
    for (std::ptrdiff_t l = 0; l < lines_of<T>(task.samples.n_heads); ++l) {
      add_block_rows<line_registers>(x, n_rows, task.block + l * head_block_rows * size, columns,
                                     task.gradient + l * columns * size);
    }
  }
};

template <class T> void head_margins(const MatrixView<T>& X, const T* w, const T* intercepts,
                                     std::ptrdiff_t n_heads, T* out) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const T* x[head_block_rows];
  T z[head_block_rows * size];
  for (std::ptrdiff_t begin = 0; begin < X.rows; begin += head_block_rows) {
    const std::ptrdiff_t left = X.rows - begin;
    const std::ptrdiff_t n_rows = left < head_block_rows ? left : head_block_rows;
    for (std::ptrdiff_t k = 0; k < n_rows; ++k) x[k] = X.data + (begin + k) * X.stride;
    for (std::ptrdiff_t first = 0; first < n_heads; first += size) {
      block_margins<line_registers, T>(x, nullptr, n_rows, w + first * X.columns,
                                       load(intercepts + first), X.columns, z);
      for (std::ptrdiff_t k = 0; k < n_rows; ++k) {
        store_up_to(out + (begin + k) * n_heads + first, n_heads - first, load(z + k * size));
      }
    }
  }
}
