// Householder reflections H = I - tau v v' with v = (1, tail), in float64. The first element of a
// column, its top, lies elsewhere than the others, which are next to each other.
//
// What a column goes through is the same whether it is taken alone or with others, and now or
// later: one sum over lanes per reflection, in the order of the reflections.
#pragma once

// Lines i, i + 4, i + 8 … of the column to one of four chains; what is left of it to the first.
FALLLINE_INLINE double sum_of_squares(const double* x, std::ptrdiff_t n) {
  vec<double> chains[4] = {set(0.0), set(0.0), set(0.0), set(0.0)};
  std::ptrdiff_t i = 0;
  for (; i + 4 * strip <= n; i += 4 * strip) {
    for (int k = 0; k < 4; ++k) {
      const vec<double> line = load(x + i + k * strip);
      chains[k] = fma(line, line, chains[k]);
    }
  }
  for (; i < n; i += strip) {
    const vec<double> line = load_up_to(x + i, n - i);
    chains[0] = fma(line, line, chains[0]);
  }
  return sum((chains[0] + chains[1]) + (chains[2] + chains[3]));
}

void column_squares(const double* columns, std::ptrdiff_t stride, std::ptrdiff_t n_columns,
                    std::ptrdiff_t n, double* out) {
  for (std::ptrdiff_t c = 0; c < n_columns; ++c) out[c] = sum_of_squares(columns + c * stride, n);
}

// Columns of a row-major tile side by side, each one filled with zeros to whole vectors.
void unpack_columns(const double* X, std::ptrdiff_t stride, std::ptrdiff_t rows,
                    std::ptrdiff_t columns, double* out, std::ptrdiff_t out_stride) {
  for (std::ptrdiff_t c = 0; c < columns; c += strip) {
    for (std::ptrdiff_t i = 0; i < rows; i += strip) {
      vec<double> block[strip];
      load_transposed(X + i * stride + c, stride, rows - i, columns - c, block);
      for (std::ptrdiff_t k = 0; k < strip && c + k < columns; ++k) {
        store(out + (c + k) * out_stride + i, block[k]);
      }
    }
  }
}

FALLLINE_INLINE double* top_of(const ReflectorPanel& panel, std::ptrdiff_t j, std::ptrdiff_t c) {
  return panel.tops + j * panel.top_row + c * panel.top_column;
}

// Makes the reflection that takes column j to a multiple of the first unit vector. Nothing is
// cancelled: the top is moved away from 0 (Higham 2002, section 19.1).
FALLLINE_INLINE void make_reflection(const ReflectorPanel& panel, std::ptrdiff_t j) {
  double* tail = panel.columns + j * panel.stride;
  double* top = top_of(panel, j, j);
  const double squares = sum_of_squares(tail, panel.n);
  double& tau = panel.tau[j - panel.first];
  tau = 0;
  if (squares == 0) return;
  const double root = __builtin_sqrt(*top * *top + squares);
  const double beta = *top > 0 ? -root : root;
  const double scale = *top - beta;
  tau = -scale / beta;
  *top = beta;
  for (std::ptrdiff_t i = 0; i < panel.n; i += strip) {
    const std::ptrdiff_t left = panel.n - i;
    store_up_to(tail + i, left, load_up_to(tail + i, left) / set(scale));
  }
}

// Reflection j of `count` columns from c on.
template <int count> FALLLINE_INLINE void reflect_group(const ReflectorPanel& panel,
                                                        std::ptrdiff_t j, std::ptrdiff_t c) {
  const double* v = panel.columns + j * panel.stride;
  const double tau = panel.tau[j - panel.first];
  double* columns[count];
  vec<double> sums[count];
  for (int k = 0; k < count; ++k) {
    columns[k] = panel.columns + (c + k) * panel.stride;
    sums[k] = set(0.0);
  }
  std::ptrdiff_t i = 0;
  for (; i + strip <= panel.n; i += strip) {
    const vec<double> line = load(v + i);
    for (int k = 0; k < count; ++k) sums[k] = fma(line, load(columns[k] + i), sums[k]);
  }
  const std::ptrdiff_t left = panel.n - i;
  if (left > 0) {
    const vec<double> line = load_n(v + i, left);
    for (int k = 0; k < count; ++k) sums[k] = fma(line, load_n(columns[k] + i, left), sums[k]);
  }
  vec<double> factors[count];
  for (int k = 0; k < count; ++k) {
    double* top = top_of(panel, j, c + k);
    const double factor = tau * (*top + sum(sums[k]));
    *top -= factor;
    factors[k] = set(factor);
  }
  for (i = 0; i + strip <= panel.n; i += strip) {
    const vec<double> line = load(v + i);
    for (int k = 0; k < count; ++k) {
      store(columns[k] + i, fnma(factors[k], line, load(columns[k] + i)));
    }
  }
  if (left > 0) {
    const vec<double> line = load_n(v + i, left);
    for (int k = 0; k < count; ++k) {
      store_n(columns[k] + i, left, fnma(factors[k], line, load_n(columns[k] + i, left)));
    }
  }
}

// Reflections [first, last) of columns [begin, end): few columns at a time, which stay in the
// first-level cache for all of them.
FALLLINE_INLINE void reflect(const ReflectorPanel& panel, std::ptrdiff_t first, std::ptrdiff_t last,
                             std::ptrdiff_t begin, std::ptrdiff_t end) {
  std::ptrdiff_t c = begin;
  for (; c + line_registers <= end; c += line_registers) {
    for (std::ptrdiff_t j = first; j < last; ++j) reflect_group<line_registers>(panel, j, c);
  }
  for (; c < end; ++c) {
    for (std::ptrdiff_t j = first; j < last; ++j) reflect_group<1>(panel, j, c);
  }
}

// The reflections of the panel, each of them made of a column that has been through those before.
void make_reflections(const ReflectorPanel& panel) {
  for (std::ptrdiff_t j = panel.first; j < panel.last; ++j) {
    make_reflection(panel, j);
    reflect(panel, j, j + 1, j + 1, panel.last);
  }
}

void reflect_columns(const ReflectorPanel& panel, std::ptrdiff_t begin, std::ptrdiff_t end) {
  reflect(panel, panel.first, panel.last, begin, end);
}
