// Rows of any length: margins row by row, which reads memory as one linear stream, and the gradient
// by several rows at a time, which finds them in the cache. x[k] is row k of the block.
#pragma once

// The partial sums of x . w, one vector of them. Four lines of sums; what is left of a row goes to
// the first three, its partial line to the fourth. w is padded, so only x is masked.
template <class T> FALLLINE_INLINE vec<T> partial_dot(const T* x, const T* w, std::ptrdiff_t n) {
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
  return (a + b) + (c + e);
}

template <class Places, class T> FALLLINE_INLINE void row_margins(Places& x, std::ptrdiff_t n_rows,
                                                                  const T* w, std::ptrdiff_t n,
                                                                  T intercept, T* out) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const std::ptrdiff_t row_bytes = n * static_cast<std::ptrdiff_t>(sizeof(T));
  for (std::ptrdiff_t begin = 0; begin < n_rows; begin += size) {
    vec<T> products[size];
    const std::ptrdiff_t left = n_rows - begin;
    for (std::ptrdiff_t k = 0; k < size; ++k) {
      if (k < left) {
        x.template bring_rows<0>(begin + k, 1, row_bytes);
        products[k] = partial_dot(x[begin + k], w, n);
      } else {
        products[k] = set(T(0));
      }
    }
    store_up_to(out + begin, left, sums(products) + set(intercept));
  }
}

// One line of columns of g += sum_k r[k] x[k]: even rows are chained into g, odd rows into a second
// sum. Two short chains instead of one long one.
template <int group, class T> FALLLINE_INLINE void add_line(const T* const* x, const vec<T>* r,
                                                            std::ptrdiff_t i, std::ptrdiff_t left,
                                                            T* g) {
  vec<T> even = fma(r[0], load_up_to(x[0] + i, left), load(g + i));
  vec<T> odd = r[1] * load_up_to(x[1] + i, left);
  for (int k = 2; k < group; k += 2) {
    even = fma(r[k], load_up_to(x[k] + i, left), even);
    odd = fma(r[k + 1], load_up_to(x[k + 1] + i, left), odd);
  }
  store(g + i, even + odd);
}

// g += sum_k residuals[k] x[k], `group` rows at a time.
template <int group, class Places, class T>
FALLLINE_INLINE void add_rows(Places& x, const T* residuals, std::ptrdiff_t n_rows,
                              std::ptrdiff_t n, T* g) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  std::ptrdiff_t k = 0;
  for (; k + group <= n_rows; k += group) {
    vec<T> r[group];
    const T* rows[group];
    for (int j = 0; j < group; ++j) {
      r[j] = set(residuals[k + j]);
      rows[j] = x[k + j];
    }
    std::ptrdiff_t i = 0;
    for (; i + size <= n; i += size) {
      x.template bring_lines<group>(k, i, n);
      add_line<group>(rows, r, i, size, g);
    }
    if (i < n) add_line<group>(rows, r, i, n - i, g);
  }
  for (; k < n_rows; ++k) {
    const vec<T> r = set(residuals[k]);
    std::ptrdiff_t i = 0;
    for (; i + size <= n; i += size) store(g + i, fma(r, load(x[k] + i), load(g + i)));
    if (i < n) store(g + i, fma(r, load_n(x[k] + i, n - i), load(g + i)));
  }
}
