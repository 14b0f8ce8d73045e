// Margins, residuals and gradient of a tile of rows.
#pragma once

constexpr std::ptrdiff_t max_block_rows = 16;

// Rows per round of margins -> residuals -> gradient: few enough that the gradient finds them in
// cache, enough to amortise reading and writing it. Rows of 1.5 to 6 KB go one by one, where a
// second visit would already miss the first-level cache.
FALLLINE_INLINE std::ptrdiff_t block_rows(std::ptrdiff_t row_bytes) {
  return row_bytes > 1536 && row_bytes <= 6144 ? 1 : max_block_rows;
}

// Four lines of partial sums; what is left of a row goes to the first three, its partial line to
// the fourth. w is padded, so only x is masked.
template <class T> FALLLINE_INLINE T row_dot(const T* x, const T* w, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  vec<T> a = set(T(0)), b = a, c = a, e = a;
  std::ptrdiff_t i = 0;
  for (; i + 4 * size <= n; i += 4 * size) {
    a = fma(load(x + i), load(w + i), a);
    b = fma(load(x + i + size), load(w + i + size), b);
    c = fma(load(x + i + 2 * size), load(w + i + 2 * size), c);
    e = fma(load(x + i + 3 * size), load(w + i + 3 * size), e);
  }
  if (i + size <= n) {
    a = fma(load(x + i), load(w + i), a);
    i += size;
  }
  if (i + size <= n) {
    b = fma(load(x + i), load(w + i), b);
    i += size;
  }
  if (i + size <= n) {
    c = fma(load(x + i), load(w + i), c);
    i += size;
  }
  if (i < n) e = fma(load_n(x + i, n - i), load(w + i), e);
  return sum((a + b) + (c + e));
}

// One line of columns of g += sum_k r[k] x[k] over eight rows: even rows are chained into g, odd
// rows into a second sum. Two short chains instead of one long one.
template <class T> FALLLINE_INLINE void add_eight_rows(const T* const* x, const vec<T>* r,
                                                       std::ptrdiff_t i, std::ptrdiff_t left,
                                                       T* g) {
  vec<T> even = load(g + i);
  vec<T> odd = r[1] * load_up_to(x[1] + i, left);
  even = fma(r[0], load_up_to(x[0] + i, left), even);
  even = fma(r[2], load_up_to(x[2] + i, left), even);
  odd = fma(r[3], load_up_to(x[3] + i, left), odd);
  even = fma(r[4], load_up_to(x[4] + i, left), even);
  odd = fma(r[5], load_up_to(x[5] + i, left), odd);
  even = fma(r[6], load_up_to(x[6] + i, left), even);
  odd = fma(r[7], load_up_to(x[7] + i, left), odd);
  store(g + i, even + odd);
}

// g += sum_k residuals[k] x[k].
template <class T> FALLLINE_INLINE void add_rows(const T* const* x, const T* residuals,
                                                 std::ptrdiff_t n_rows, std::ptrdiff_t n, T* g) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  std::ptrdiff_t k = 0;
  for (; k + 8 <= n_rows; k += 8) {
    vec<T> r[8];
    for (int j = 0; j < 8; ++j) r[j] = set(residuals[k + j]);
    std::ptrdiff_t i = 0;
    for (; i + size <= n; i += size) add_eight_rows(x + k, r, i, size, g);
    if (i < n) add_eight_rows(x + k, r, i, n - i, g);
  }
  for (; k < n_rows; ++k) {
    const vec<T> r = set(residuals[k]);
    std::ptrdiff_t i = 0;
    for (; i + size <= n; i += size) store(g + i, fma(r, load(x[k] + i), load(g + i)));
    if (i < n) store(g + i, fma(r, load_n(x[k] + i, n - i), load(g + i)));
  }
}

// The rows of one block: where they lie, their targets and weights.
template <class T> struct Block {
  const T* rows[max_block_rows];
  T targets[max_block_rows];
  T sample_weight[max_block_rows];

  FALLLINE_INLINE void gather(const Samples<T>& samples, const Rows& rows_, std::ptrdiff_t begin,
                              std::ptrdiff_t n) {
    for (std::ptrdiff_t k = 0; k < n; ++k) {
      const std::ptrdiff_t row = rows_.order ? rows_.order[begin + k] : begin + k;
      rows[k] = samples.X.data + row * samples.X.stride;
      targets[k] = samples.targets[row];
      sample_weight[k] = samples.sample_weight ? samples.sample_weight[row] : T(1);
    }
  }
};

template <class T> void tile(const TileTask<T>& task, Sums& sums) {
  const std::ptrdiff_t n = task.samples.X.columns;
  const std::ptrdiff_t step = block_rows(n * static_cast<std::ptrdiff_t>(sizeof(T)));
  Block<T> block;
  T margins[max_block_rows];
  T residuals[max_block_rows];
  for (std::ptrdiff_t begin = task.rows.begin; begin < task.rows.end; begin += step) {
    const std::ptrdiff_t left = task.rows.end - begin;
    const std::ptrdiff_t n_rows = left < step ? left : step;
    block.gather(task.samples, task.rows, begin, n_rows);
    for (std::ptrdiff_t k = 0; k < n_rows; ++k) {
      margins[k] = row_dot(block.rows[k], task.w, n) + task.intercept;
    }
    sums.loss += task.loss.entry->residuals(margins, block.targets, block.sample_weight, residuals,
                                            n_rows, task.loss.parameters);
    for (std::ptrdiff_t k = 0; k < n_rows; ++k) {
      sums.weight += static_cast<double>(block.sample_weight[k]);
      sums.intercept_gradient += static_cast<double>(residuals[k]);
    }
    if (task.gradient) add_rows(block.rows, residuals, n_rows, n, task.gradient);
  }
}

template <class T> void margins(const MatrixView<T>& X, const T* w, T intercept, T* out) {
  for (std::ptrdiff_t k = 0; k < X.rows; ++k) {
    out[k] = row_dot(X.data + k * X.stride, w, X.columns) + intercept;
  }
}
