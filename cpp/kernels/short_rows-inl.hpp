// Rows of a few lines, whose weights and gradient stay in registers for all rows of a block.
#pragma once

// A row, as the weights and the gradient are held too. What lies beyond its end is read and masked
// away where it may be read (over), as masked loads are slow on AVX2.
template <class T, int lines> struct ShortRow {
  vec<T> line[lines];
};

template <int lines, bool over, class T>
FALLLINE_INLINE ShortRow<T, lines> load_row(const T* x, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  constexpr std::ptrdiff_t whole = (lines - 1) * size;
  ShortRow<T, lines> row;
  for (int i = 0; i + 1 < lines; ++i) row.line[i] = load(x + i * size);
  row.line[lines - 1] = over ? load_over(x + whole, n - whole) : load_up_to(x + whole, n - whole);
  return row;
}

template <int lines, bool over, class T>
FALLLINE_INLINE vec<T> short_product(const T* x, const ShortRow<T, lines>& weights,
                                     std::ptrdiff_t n) {
  const ShortRow<T, lines> row = load_row<lines, over>(x, n);
  vec<T> product = row.line[0] * weights.line[0];
  for (int i = 1; i < lines; ++i) product = fma(row.line[i], weights.line[i], product);
  return product;
}

// x[k] is row k of the block.
template <int lines, bool over, class Places, class T>
FALLLINE_INLINE void short_margins(Places& x, std::ptrdiff_t n_rows, const T* w, std::ptrdiff_t n,
                                   T intercept, T* out) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const ShortRow<T, lines> weights = load_row<lines, true>(w, lines * size);
  const std::ptrdiff_t row_bytes = n * static_cast<std::ptrdiff_t>(sizeof(T));
  vec<T> products[size];
  std::ptrdiff_t begin = 0;
  for (; begin + size <= n_rows; begin += size) {
    x.template bring_rows<0>(begin, size, row_bytes);
    for (std::ptrdiff_t k = 0; k < size; ++k) {
      products[k] = short_product<lines, over>(x[begin + k], weights, n);
    }
    store(out + begin, sums(products) + set(intercept));
  }
  const std::ptrdiff_t left = n_rows - begin;
  if (left == 0) return;
  x.template bring_rows<0>(begin, left, row_bytes);
  for (std::ptrdiff_t k = 0; k < size; ++k) products[k] = set(T(0));
  for (std::ptrdiff_t k = 0; k < left; ++k) {
    products[k] = short_product<lines, over>(x[begin + k], weights, n);
  }
  store_up_to(out + begin, left, sums(products) + set(intercept));
}

// g += sum_k residuals[k] x[k]. The rows take turns at four sums (two where a row has more lines
// than that leaves registers for), as one would wait for itself.
template <int lines, bool over, class Places, class T>
FALLLINE_INLINE void add_short_rows(Places& x, const T* residuals, std::ptrdiff_t n_rows,
                                    std::ptrdiff_t n, T* g) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  constexpr int chains = lines <= 2 ? 4 : 2;
  ShortRow<T, lines> total[chains];
  for (int c = 0; c < chains; ++c) {
    for (int i = 0; i < lines; ++i) total[c].line[i] = set(T(0));
  }
  std::ptrdiff_t k = 0;
  for (; k + chains <= n_rows; k += chains) {
    x.template bring_rows<1>(k, chains, n * static_cast<std::ptrdiff_t>(sizeof(T)));
    for (int c = 0; c < chains; ++c) {
      const ShortRow<T, lines> row = load_row<lines, over>(x[k + c], n);
      const vec<T> r = set(residuals[k + c]);
      for (int i = 0; i < lines; ++i) total[c].line[i] = fma(r, row.line[i], total[c].line[i]);
    }
  }
  for (; k < n_rows; ++k) {
    const ShortRow<T, lines> row = load_row<lines, over>(x[k], n);
    const vec<T> r = set(residuals[k]);
    for (int i = 0; i < lines; ++i) total[0].line[i] = fma(r, row.line[i], total[0].line[i]);
  }
  for (int i = 0; i < lines; ++i) {
    vec<T> all = total[0].line[i] + total[1].line[i];
    if constexpr (chains == 4) all = all + (total[2].line[i] + total[3].line[i]);
    store(g + i * size, load(g + i * size) + all);
  }
}
