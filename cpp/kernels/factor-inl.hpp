// Dense triangles in float64: the parts of a Cholesky factorisation and the solves with its factor.
//
// Every element is a chain of its own: what is known of it, minus one product after the other in
// the order in which unknowns are found, then one division or root. A lane is an element, so
// neither how many are computed at once nor the width of a vector can change a bit.
//
// Unknowns lie in strips, [unknown][lane]: eight right-hand sides, or eight rows of the factor.
#pragma once

constexpr std::ptrdiff_t strip = vec<double>::size;
static_assert(strip == strip_lanes);

// Rows and lines of sums that the registers hold, besides what they are computed from. Measured at
// D = 1000: 8 x 2 on AVX-512 takes 0.84 of the time of 8 x 1.
constexpr int sum_rows = line_registers;
constexpr int sum_lines = line_registers == 8 ? 2 : 1;

// The coefficients of a triangle of equations: those of unknown i, in the order in which they are
// found, with all k before it stand at corner[i * row_step + k * step].
struct Triangle {
  const double* corner;
  std::ptrdiff_t row_step, step;
};
// Unknown k of line l at begin[k * step + l * line].
struct Unknowns {
  double* begin;
  std::ptrdiff_t step, line;
};

template <int rows, int lines>
FALLLINE_INLINE void subtract_products(const double* a, std::ptrdiff_t row_step,
                                       std::ptrdiff_t step, const Unknowns& x, std::ptrdiff_t n,
                                       vec<double> (&sums)[rows][lines]) {
  const double* b = x.begin;
  for (std::ptrdiff_t k = 0; k < n; ++k) {
    vec<double> lanes[lines];
    for (int l = 0; l < lines; ++l) lanes[l] = load(b + l * x.line);
    for (int r = 0; r < rows; ++r) {
      const vec<double> factor = set(a[r * row_step]);
      for (int l = 0; l < lines; ++l) sums[r][l] = fnma(factor, lanes[l], sums[r][l]);
    }
    a += step;
    b += x.step;
  }
}

// Unknowns i to i + rows, all before them being known.
template <int rows, int lines>
FALLLINE_INLINE void solve_group(const Triangle& triangle, std::ptrdiff_t i, const Unknowns& x) {
  const double* a = triangle.corner + i * triangle.row_step;
  double* found = x.begin + i * x.step;
  vec<double> sums[rows][lines];
  for (int r = 0; r < rows; ++r) {
    for (int l = 0; l < lines; ++l) sums[r][l] = load(found + r * x.step + l * x.line);
  }
  subtract_products<rows, lines>(a, triangle.row_step, triangle.step, x, i, sums);
  a += i * triangle.step;
  for (int r = 0; r < rows; ++r) {
    const double* column = a + r * triangle.step;
    const vec<double> diagonal = set(column[r * triangle.row_step]);
    for (int l = 0; l < lines; ++l) {
      sums[r][l] = sums[r][l] / diagonal;
      store(found + r * x.step + l * x.line, sums[r][l]);
    }
    for (int q = r + 1; q < rows; ++q) {
      const vec<double> factor = set(column[q * triangle.row_step]);
      for (int l = 0; l < lines; ++l) sums[q][l] = fnma(factor, sums[r][l], sums[q][l]);
    }
  }
}

template <int lines>
FALLLINE_INLINE void solve_lines(const Triangle& triangle, std::ptrdiff_t n, const Unknowns& x) {
  std::ptrdiff_t i = 0;
  for (; i + sum_rows <= n; i += sum_rows) solve_group<sum_rows, lines>(triangle, i, x);
  for (; i < n; ++i) solve_group<1, lines>(triangle, i, x);
}

// L x = b, or L' x = b from the last unknown to the first, for strips of n unknowns each.
void solve_triangle(const TriangleTask& task) {
  const std::ptrdiff_t last = task.n - 1;
  const Triangle triangle = task.transposed
                                ? Triangle{task.L + last * (task.stride + 1), -1, -task.stride}
                                : Triangle{task.L, task.stride, 1};
  const std::ptrdiff_t step = task.transposed ? -strip : strip;
  double* x = task.strips + (task.transposed ? last * strip : 0);
  const std::ptrdiff_t line = task.n * strip;
  std::ptrdiff_t s = 0;
  for (; s + sum_lines <= task.n_strips; s += sum_lines) {
    solve_lines<sum_lines>(triangle, task.n, {x + s * line, step, line});
  }
  for (; s < task.n_strips; ++s) solve_lines<1>(triangle, task.n, {x + s * line, step, line});
}

// Elements from the beginning of one strip to the next: their columns are padded to whole blocks.
FALLLINE_INLINE std::ptrdiff_t strip_size(const CholeskyPanel& panel) {
  return (panel.columns + strip - 1) / strip * strip * strip;
}

// Up to eight rows and columns as eight columns, with zeros where there is no element.
FALLLINE_INLINE void load_transposed(const double* from, std::ptrdiff_t stride, std::ptrdiff_t rows,
                                     std::ptrdiff_t columns, vec<double>* block) {
  for (std::ptrdiff_t r = 0; r < strip; ++r) {
    block[r] = r < rows ? load_up_to(from + r * stride, columns) : set(0.0);
  }
  transpose(block);
}

// A strip of rows, transposed.
FALLLINE_INLINE void pack_strip(const CholeskyPanel& panel, std::ptrdiff_t s, std::ptrdiff_t n) {
  const double* rows = panel.L + s * strip * panel.stride;
  double* packed = panel.strips + s * strip_size(panel);
  for (std::ptrdiff_t c = 0; c < n; c += strip) {
    vec<double> block[strip];
    load_transposed(rows + c, panel.stride, panel.rows - s * strip, n - c, block);
    for (std::ptrdiff_t k = 0; k < strip; ++k) store(packed + (c + k) * strip, block[k]);
  }
}

// Back into the matrix, up to its diagonal.
FALLLINE_INLINE void unpack_strip(const CholeskyPanel& panel, std::ptrdiff_t s, std::ptrdiff_t n) {
  const double* packed = panel.strips + s * strip_size(panel);
  for (std::ptrdiff_t c = 0; c < n; c += strip) {
    vec<double> block[strip];
    for (std::ptrdiff_t k = 0; k < strip; ++k) block[k] = load(packed + (c + k) * strip);
    transpose(block);
    for (std::ptrdiff_t r = 0; r < strip && s * strip + r < panel.rows; ++r) {
      const std::ptrdiff_t i = s * strip + r;
      store_up_to(panel.L + i * panel.stride + c, i + 1 - c, block[r]);
    }
  }
}

// Columns c to c + sum_rows of the strip that holds their diagonal, whose first row is `first`;
// the roots go to the matrix, as a quotient pivot / root would be rounded twice.
FALLLINE_INLINE std::ptrdiff_t factor_group(const CholeskyPanel& panel, std::ptrdiff_t first,
                                            std::ptrdiff_t c, double* packed, double* roots) {
  constexpr double largest_pivot = std::numeric_limits<double>::max();
  vec<double> sums[sum_rows][1];
  for (int r = 0; r < sum_rows; ++r) sums[r][0] = load(packed + (c + r) * strip);
  subtract_products<sum_rows, 1>(packed + (c - first), 1, strip, {packed, strip, 0}, c, sums);
  for (int r = 0; r < sum_rows; ++r) {
    if (c + r == panel.columns) break;
    double* column = packed + (c + r) * strip;
    const double* lanes = column + (c - first);
    store(column, sums[r][0]);
    const double pivot = lanes[r];
    if (!(pivot > 0 && pivot <= largest_pivot)) return c + r;
    roots[c - first + r] = __builtin_sqrt(pivot);
    sums[r][0] = sums[r][0] / set(roots[c - first + r]);
    store(column, sums[r][0]);
    for (int q = r + 1; q < sum_rows; ++q) {
      sums[q][0] = fnma(set(lanes[q]), sums[r][0], sums[q][0]);
    }
  }
  return -1;
}

// The square of the panel at the diagonal, strip by strip. Returns the first pivot that is not
// positive and finite, or -1.
std::ptrdiff_t factor_diagonal(const CholeskyPanel& panel) {
  for (std::ptrdiff_t first = 0; first < panel.columns; first += strip) {
    const std::ptrdiff_t s = first / strip;
    const std::ptrdiff_t end = first + strip < panel.columns ? first + strip : panel.columns;
    double* packed = panel.strips + s * strip_size(panel);
    pack_strip(panel, s, end);
    solve_lines<1>({panel.L, panel.stride, 1}, first, {packed, strip, 0});
    double roots[strip];
    std::ptrdiff_t bad = -1;
    for (std::ptrdiff_t c = first; c < end && bad < 0; c += sum_rows) {
      bad = factor_group(panel, first, c, packed, roots);
    }
    unpack_strip(panel, s, end);
    const std::ptrdiff_t known = bad < 0 ? end : bad;
    for (std::ptrdiff_t i = first; i < known; ++i) {
      panel.L[i * (panel.stride + 1)] = roots[i - first];
    }
    if (bad >= 0) return bad;
  }
  return -1;
}

// Strips of rows below that square.
void solve_rows(const CholeskyPanel& panel, std::ptrdiff_t begin, std::ptrdiff_t end) {
  for (std::ptrdiff_t s = begin; s < end; ++s) pack_strip(panel, s, panel.columns);
  solve_triangle({panel.L, panel.stride, panel.columns, panel.strips + begin * strip_size(panel),
                  end - begin, false});
  for (std::ptrdiff_t s = begin; s < end; ++s) unpack_strip(panel, s, panel.columns);
}

// Rows i to i + rows of the columns of some strips, up to the diagonal.
template <int rows, int lines>
FALLLINE_INLINE void update_tile(const CholeskyPanel& panel, std::ptrdiff_t s, std::ptrdiff_t i) {
  const std::ptrdiff_t first = s * strip;
  double* a = panel.L + i * panel.stride;
  const Unknowns x{panel.strips + s * strip_size(panel), strip, strip_size(panel)};
  const bool whole = i + 1 >= first + lines * strip;
  vec<double> sums[rows][lines];
  for (int r = 0; r < rows; ++r) {
    for (int l = 0; l < lines; ++l) {
      const double* place = a + r * panel.stride + first + l * strip;
      const std::ptrdiff_t left = i + r + 1 - (first + l * strip);
      sums[r][l] = whole ? load(place) : left > 0 ? load_up_to(place, left) : set(0.0);
    }
  }
  subtract_products<rows, lines>(a, panel.stride, 1, x, panel.columns, sums);
  for (int r = 0; r < rows; ++r) {
    for (int l = 0; l < lines; ++l) {
      double* place = a + r * panel.stride + first + l * strip;
      const std::ptrdiff_t left = i + r + 1 - (first + l * strip);
      if (whole) {
        store(place, sums[r][l]);
      } else if (left > 0) {
        store_up_to(place, left, sums[r][l]);
      }
    }
  }
}

template <int lines>
FALLLINE_INLINE void update_lines(const CholeskyPanel& panel, std::ptrdiff_t s) {
  std::ptrdiff_t i = s * strip;
  for (; i + sum_rows <= panel.rows; i += sum_rows) update_tile<sum_rows, lines>(panel, s, i);
  for (; i < panel.rows; ++i) update_tile<1, lines>(panel, s, i);
}

// Takes the panel's products off the columns behind it that strips [begin, end) belong to.
void update_columns(const CholeskyPanel& panel, std::ptrdiff_t begin, std::ptrdiff_t end) {
  std::ptrdiff_t s = begin;
  for (; s + sum_lines <= end; s += sum_lines) update_lines<sum_lines>(panel, s);
  for (; s < end; ++s) update_lines<1>(panel, s);
}
