// Margins and gradient of a few heads over a block of rows where lanes are features: heads that do
// not fill lines of their own would leave lanes idle. Weights and gradient lie as [head][feature],
// every head padded to whole lines. A margin is the sum over one vector of partial sums, a
// gradient goes from row to row, however many rows, lines and heads the target takes at once.
#pragma once

constexpr int square_side = 4;  // rows, and heads, whose margins are summed across lanes together
constexpr int dot_heads = square_registers < square_side ? 1 : square_registers / square_side;
constexpr int gradient_lines = square_registers < 16 ? 1 : 2;
constexpr int gradient_heads = square_registers / gradient_lines;
constexpr std::ptrdiff_t few_heads = 6;  // whose margins bring rows into the cache, see below

// A line of features; whole says that none of it lies behind the end of the rows. A vector that may
// be either in the middle of a loop took half as long again.
template <bool whole, class T>
FALLLINE_INLINE vec<T> load_line(const T* x, std::ptrdiff_t j, std::ptrdiff_t columns) {
  return whole ? load(x + j) : load_n(x + j, columns - j);
}

// Adds the products of one line of square_side rows with n heads, whose weights lie `stride` apart.
template <bool whole, int n, class T>
FALLLINE_INLINE void add_products(const T* const* x, const T* const* later, const T* w,
                                  std::ptrdiff_t stride, std::ptrdiff_t j, std::ptrdiff_t columns,
                                  vec<T> (&sums)[square_side][n]) {
  vec<T> row[square_side];
  for (int k = 0; k < square_side; ++k) {
    if (later) prefetch(later[k] + j);
    row[k] = load_line<whole>(x[k], j, columns);
  }
  for (int h = 0; h < n; ++h) {
    const vec<T> weights = load(w + h * stride + j);
    for (int k = 0; k < square_side; ++k) sums[k][h] = fma(row[k], weights, sums[k][h]);
  }
}

// The partial sums of square_side rows with each of n heads, at most as many. Unless `later` is
// null its rows are brought into the cache meanwhile.
template <int n, class T>
FALLLINE_INLINE void dot_square(const T* const* x, const T* const* later, const T* w,
                                std::ptrdiff_t stride, std::ptrdiff_t columns, vec<T>* products) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  vec<T> sums[square_side][n];
  for (int k = 0; k < square_side; ++k) {
    for (int h = 0; h < n; ++h) sums[k][h] = set(T(0));
  }
  std::ptrdiff_t j = 0;
  for (; j + size <= columns; j += size) {
    add_products<true>(x, later, w, stride, j, columns, sums);
  }
  if (j < columns) add_products<false>(x, later, w, stride, j, columns, sums);
  for (int k = 0; k < square_side; ++k) {
    for (int h = 0; h < n; ++h) products[k * square_side + h] = sums[k][h];
  }
}

// The same of any number of heads, up to square_side.
template <int n, class T> FALLLINE_INLINE void dot_up_to(const T* const* x, const T* const* later,
                                                         std::ptrdiff_t n_heads, const T* w,
                                                         std::ptrdiff_t stride,
                                                         std::ptrdiff_t columns, vec<T>* products) {
  std::ptrdiff_t h = 0;
  for (; h + n <= n_heads; h += n) {
    dot_square<n>(x, h == 0 ? later : nullptr, w + h * stride, stride, columns, products + h);
  }
  if constexpr (n > 1) {
    dot_up_to<n - 1>(x, h == 0 ? later : nullptr, n_heads - h, w + h * stride, stride, columns,
                     products + h);
  }
}

// Their margins without intercepts, to a block's rows: square_side lanes, of at least one head.
template <class T> FALLLINE_INLINE void square_margins(const T* const* x, const T* const* later,
                                                       std::ptrdiff_t n_heads, const T* w,
                                                       std::ptrdiff_t stride,
                                                       std::ptrdiff_t columns, T* out) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  vec<T> products[square_side * square_side];
  for (vec<T>& product : products) product = set(T(0));
  dot_up_to<dot_heads>(x, later, n_heads < square_side ? n_heads : square_side, w, stride, columns,
                       products);
  T z[square_side * square_side];
  for (std::ptrdiff_t i = 0; i < square_side * square_side; i += size) {
    store(z + i, sums(products + i));
  }
  for (int k = 0; k < square_side; ++k) {
    __builtin_memcpy(out + k * size, z + k * square_side, square_side * sizeof(T));
  }
}

// What the gradient of a block is made of in one line of heads.
template <class T> struct FeatureGradient {
  const T* const* x;
  const T* const* later;  // null: nothing is brought into the cache
  std::ptrdiff_t n_rows;
  std::ptrdiff_t columns;
  std::ptrdiff_t stride;  // from one head's weights to the next
  const T* residuals;     // [row][lane]
  T* g;
};

// g += sum_k residuals[k] x[k] for `lines` lines of features from j and n heads.
template <bool whole, int lines, int n, class T>
FALLLINE_INLINE void add_square(const FeatureGradient<T>& of, std::ptrdiff_t j,
                                std::ptrdiff_t head) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  T* const g = of.g + head * of.stride + j;
  vec<T> sum[n][lines];
  for (int h = 0; h < n; ++h) {
    for (int i = 0; i < lines; ++i) sum[h][i] = load(g + h * of.stride + i * size);
  }
  for (std::ptrdiff_t k = 0; k < of.n_rows; ++k) {
    vec<T> x[lines];
    for (int i = 0; i < lines; ++i) {
      const std::ptrdiff_t at = j + i * size;
      if (head == 0 && of.later) prefetch(of.later[k] + at);
      x[i] = load_line<whole>(of.x[k], at, of.columns);
    }
    for (int h = 0; h < n; ++h) {
      const vec<T> residual = set(of.residuals[k * size + head + h]);
      for (int i = 0; i < lines; ++i) sum[h][i] = fma(residual, x[i], sum[h][i]);
    }
  }
  for (int h = 0; h < n; ++h) {
    for (int i = 0; i < lines; ++i) store(g + h * of.stride + i * size, sum[h][i]);
  }
}

// The same for heads from `head` to n_heads.
template <bool whole, int lines, int n, class T>
FALLLINE_INLINE void add_squares(const FeatureGradient<T>& of, std::ptrdiff_t j,
                                 std::ptrdiff_t head, std::ptrdiff_t n_heads) {
  for (; head + n <= n_heads; head += n) add_square<whole, lines, n>(of, j, head);
  if constexpr (n > 1) add_squares<whole, lines, n - 1>(of, j, head, n_heads);
}

struct FeatureLanes {
  template <class T> static FALLLINE_INLINE void margins(const HeadTileTask<T>& task,
                                                         const T* const* x, const T* const* later,
                                                         std::ptrdiff_t n_rows) {
    constexpr std::ptrdiff_t size = vec<T>::size;
    const std::ptrdiff_t columns = task.samples.X.columns, n_heads = task.samples.n_heads;
    const std::ptrdiff_t stride = lines_of<T>(columns) * size;
    // The gradient asks for all later rows, with many heads alone, as it has more time than the
    // first heads' margins; with few heads it asks once more for what they have not brought by
    // then. From memory at d = 784 margins that ask took 310 instead of 217 ns per row of 10 heads,
    // and 130 instead of 179 of 3 (float32, AVX-512; benchmarks/bench_heads.py, softmax).
    if (task.gradient && n_heads > few_heads) later = nullptr;
    for (std::ptrdiff_t l = 0; l < lines_of<T>(n_heads); ++l) {
      T* const block = task.block + l * head_block_rows * size;
      const std::ptrdiff_t left = n_heads - l * size;
      for (std::ptrdiff_t k = 0; k < n_rows; k += square_side) {
        for (std::ptrdiff_t first = 0; first < size && first < left; first += square_side) {
          const std::ptrdiff_t head = l * size + first;
          square_margins(x + k, head == 0 && later ? later + k : nullptr, left - first,
                         task.w + head * stride, stride, columns, block + k * size + first);
        }
      }
      const vec<T> intercepts = load(task.intercepts + l * size);
      for (std::ptrdiff_t k = 0; k < n_rows; ++k) {
        store(block + k * size, load_up_to(block + k * size, left) + intercepts);
      }
    }
  }

  template <class T> static FALLLINE_INLINE void gradient(const HeadTileTask<T>& task,
                                                          const T* const* x, const T* const* later,
                                                          std::ptrdiff_t n_rows) {
    constexpr std::ptrdiff_t size = vec<T>::size;
    const std::ptrdiff_t columns = task.samples.X.columns;
    const std::ptrdiff_t stride = lines_of<T>(columns) * size;
    for (std::ptrdiff_t first = 0; first < task.samples.n_heads; first += size) {
      const std::ptrdiff_t left = task.samples.n_heads - first, n_heads = left < size ? left : size;
      const FeatureGradient<T> of{x,
                                  first == 0 ? later : nullptr,
                                  n_rows,
                                  columns,
                                  stride,
                                  task.block + first * head_block_rows,
                                  task.gradient + first * stride};
      std::ptrdiff_t j = 0;
      for (; j + gradient_lines * size <= columns; j += gradient_lines * size) {
        add_squares<true, gradient_lines, gradient_heads>(of, j, 0, n_heads);
      }
      for (; j + size <= columns; j += size) {
        add_squares<true, 1, gradient_heads>(of, j, 0, n_heads);
      }
      if (j < columns) add_squares<false, 1, gradient_heads>(of, j, 0, n_heads);
    }
  }
};
