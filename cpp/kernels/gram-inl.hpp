// Products of standardised rows, on tiles of float64: how they lie says core/gram.hpp. Every sum
// is one chain over the rows of a tile, so that no block of registers decides about a bit.
#pragma once

FALLLINE_INLINE vec<double> standardized(vec<double> x, const StandardColumns& columns,
                                         std::ptrdiff_t i) {
  return (x - load(columns.mean + i)) * load(columns.inverse_scale + i);
}

// Rows of X as the tile has them. The next tile, or with an order rows a little ahead, are brought
// into the cache meanwhile: between two tiles nobody else asks memory for anything.
template <class T> void standardize(const MatrixView<T>& X, const Rows& rows,
                                    const StandardColumns& columns, double* tile) {
  constexpr std::ptrdiff_t size = vec<double>::size, ahead = 8;
  const std::ptrdiff_t n = rows.end - rows.begin, whole = X.columns / size;
  const std::ptrdiff_t row_bytes = X.columns * static_cast<std::ptrdiff_t>(sizeof(T));
  for (std::ptrdiff_t k = 0; k < n; ++k, tile += size) {
    const std::ptrdiff_t at = rows.begin + k;
    const T* row = X.data + (rows.order ? rows.order[at] : at) * X.stride;
    const T* next = row + n * X.stride;
    if (rows.order) next = X.data + rows.order[k + ahead < n ? at + ahead : at] * X.stride;
    if (next < X.data + X.rows * X.stride) {
      prefetch_row(reinterpret_cast<const unsigned char*>(next), row_bytes);
    }
    std::ptrdiff_t line = 0;
    for (; line < whole; ++line) {
      const vec<double> x = load_as<double>(row + line * size);
      store(tile + line * gram_line_size, standardized(x, columns, line * size));
    }
    for (; line < columns.lines; ++line) {
      const std::ptrdiff_t i = line * size;
      const vec<double> x = i < X.columns ? load_as<double>(row + i, X.columns - i) : set(0.0);
      store(tile + line * gram_line_size, standardized(x, columns, i));
    }
  }
}

FALLLINE_INLINE const double* gram_line(const double* tile, std::ptrdiff_t line) {
  return tile + line * gram_line_size;
}

// out[k] = z_k . u: a chain of lines for every row, several rows at a time.
inline void gram_margins(const GramTile& tile, const double* u, double* out) {
  constexpr std::ptrdiff_t size = vec<double>::size;
  for (std::ptrdiff_t begin = 0; begin < tile.n_rows; begin += size) {
    vec<double> products[size];
    for (std::ptrdiff_t first = 0; first < size; first += line_registers) {
      vec<double> chains[line_registers];
      for (int r = 0; r < line_registers; ++r) chains[r] = set(0.0);
      for (std::ptrdiff_t line = 0; line < tile.lines; ++line) {
        const double* z = gram_line(tile.z, line) + (begin + first) * size;
        const vec<double> v = load(u + line * size);
        for (int r = 0; r < line_registers; ++r) {
          chains[r] = fma(load(z + r * size), v, chains[r]);
        }
      }
      for (int r = 0; r < line_registers; ++r) products[first + r] = chains[r];
    }
    store_up_to(out + begin, tile.n_rows - begin, sums(products));
  }
}

template <int lines> FALLLINE_INLINE void add_row_lines(const GramTile& tile, const double* factors,
                                                        std::ptrdiff_t line, double* gradient) {
  vec<double> chains[lines];
  for (int l = 0; l < lines; ++l) chains[l] = load(gradient + (line + l) * gram_lanes);
  const double* z = gram_line(tile.z, line);
  for (std::ptrdiff_t k = 0; k < tile.n_rows; ++k) {
    const vec<double> factor = set(factors[k]);
    for (int l = 0; l < lines; ++l) {
      chains[l] = fma(factor, load(gram_line(z, l) + k * gram_lanes), chains[l]);
    }
  }
  for (int l = 0; l < lines; ++l) store(gradient + (line + l) * gram_lanes, chains[l]);
}

template <int lines> FALLLINE_INLINE void add_lines_from(std::ptrdiff_t line, const GramTile& tile,
                                                         const double* factors, double* gradient) {
  for (; line + lines <= tile.lines; line += lines) {
    add_row_lines<lines>(tile, factors, line, gradient);
  }
  if constexpr (lines > 1) add_lines_from<lines / 2>(line, tile, factors, gradient);
}

// gradient += sum_k factors[k] z_k, in as many chains as fill the pipelines.
inline void gram_add_rows(const GramTile& tile, const double* factors, double* gradient) {
  add_lines_from<line_registers>(0, tile, factors, gradient);
}

struct Plus {
  FALLLINE_INLINE vec<double> operator()(vec<double> a, vec<double> b, vec<double> sum) const {
    return fma(a, b, sum);
  }
};
struct Minus {
  FALLLINE_INLINE vec<double> operator()(vec<double> a, vec<double> b, vec<double> sum) const {
    return fnma(a, b, sum);
  }
};

// to[l][i] += (or -=) sum_k a[k][i] b[l][k] of n rows k: eight numbers i that are broadcast,
// `lines` lines of b. A block of the sums stays in registers all the while.
template <class Sign, int lines>
FALLLINE_INLINE void add_block(const double* a, const double* const* b, std::ptrdiff_t n,
                               double* const* to) {
  const Sign sign{};
  for (int first = 0; first < gram_lanes; first += block_columns) {
    vec<double> chains[block_columns][lines];
    for (int i = 0; i < block_columns; ++i) {
      for (int l = 0; l < lines; ++l) chains[i][l] = load(to[l] + (first + i) * gram_lanes);
    }
    for (std::ptrdiff_t k = 0; k < n; ++k) {
      vec<double> x[lines];
      for (int l = 0; l < lines; ++l) x[l] = load(b[l] + k * gram_lanes);
      for (int i = 0; i < block_columns; ++i) {
        const vec<double> factor = set(a[k * gram_lanes + first + i]);
        for (int l = 0; l < lines; ++l) chains[i][l] = sign(factor, x[l], chains[i][l]);
      }
    }
    for (int i = 0; i < block_columns; ++i) {
      for (int l = 0; l < lines; ++l) store(to[l] + (first + i) * gram_lanes, chains[i][l]);
    }
  }
}

// The same of a line z of few columns and the lines that it is multiplied by: numbers of the line
// are broadcast, as there are fewer of them than of the others. Products and the order of their
// sums are those of add_block, and so are the bits.
template <int columns, int lines>
FALLLINE_INLINE void add_columns(const double* const* scaled, const double* z, std::ptrdiff_t n,
                                 double* const* to) {
  vec<double> chains[columns][lines], rows[gram_lanes];
  for (int l = 0; l < lines; ++l) {
    for (int i = 0; i < gram_lanes; ++i) rows[i] = load(to[l] + i * gram_lanes);
    transpose(rows);
    for (int j = 0; j < columns; ++j) chains[j][l] = rows[j];
  }
  for (std::ptrdiff_t k = 0; k < n; ++k) {
    vec<double> a[lines];
    for (int l = 0; l < lines; ++l) a[l] = load(scaled[l] + k * gram_lanes);
    for (int j = 0; j < columns; ++j) {
      const vec<double> x = set(z[k * gram_lanes + j]);
      for (int l = 0; l < lines; ++l) chains[j][l] = fma(a[l], x, chains[j][l]);
    }
  }
  for (int l = 0; l < lines; ++l) {
    for (int j = 0; j < gram_lanes; ++j) rows[j] = j < columns ? chains[j][l] : set(0.0);
    transpose(rows);
    for (int i = 0; i < gram_lanes; ++i) store(to[l] + i * gram_lanes, rows[i]);
  }
}

// Of a last line with so many columns or fewer it is faster.
constexpr std::ptrdiff_t few_columns = 4;

struct GramProducts {
  const double* scaled;
  const double* z;
  std::ptrdiff_t n_rows;
  double* triangle;

  // Rows `of` of the panels [line, line + lines).
  template <int lines> FALLLINE_INLINE void block(std::ptrdiff_t of, std::ptrdiff_t line) const {
    const double* b[lines];
    double* to[lines];
    for (int l = 0; l < lines; ++l) {
      b[l] = gram_line(z, line + l);
      to[l] = triangle + triangle_panel(line + l) + of * gram_lanes * gram_lanes;
    }
    add_block<Plus, lines>(gram_line(scaled, of), b, n_rows, to);
  }

  // Panels end at the diagonal, one after the other.
  template <int lines> FALLLINE_INLINE void diagonal(std::ptrdiff_t line) const {
    block<lines>(line, line);
    if constexpr (lines > 1) diagonal<lines - 1>(line + 1);
  }

  template <int lines> FALLLINE_INLINE void panels(std::ptrdiff_t line) const {
    for (std::ptrdiff_t of = 0; of < line; ++of) block<lines>(of, line);
    diagonal<lines>(line);
  }

  // Rows [of, line] of the panel of a line of few columns, in groups.
  template <int columns, int lines>
  FALLLINE_INLINE void narrow_panel(std::ptrdiff_t of, std::ptrdiff_t line) const {
    for (; of + lines <= line + 1; of += lines) {
      const double* a[lines];
      double* to[lines];
      for (int l = 0; l < lines; ++l) {
        a[l] = gram_line(scaled, of + l);
        to[l] = triangle + triangle_panel(line) + (of + l) * gram_lanes * gram_lanes;
      }
      add_columns<columns, lines>(a, gram_line(z, line), n_rows, to);
    }
    if constexpr (lines > 1) narrow_panel<columns, lines - 1>(of, line);
  }

  template <int columns>
  FALLLINE_INLINE void panel_of(std::ptrdiff_t n_columns, std::ptrdiff_t line) const {
    if (n_columns == columns) {
      narrow_panel<columns, block_lines>(0, line);
    } else if constexpr (columns > 1) {
      panel_of<columns - 1>(n_columns, line);
    }
  }

  // What is left over by groups of panels is taken first, where panels are short.
  template <int lines> FALLLINE_INLINE void first_panels(std::ptrdiff_t left) const {
    if (left == lines) {
      panels<lines>(0);
    } else if constexpr (lines > 1) {
      first_panels<lines - 1>(left);
    }
  }
};

// triangle += sum_k factors[k] z_k z_k'
inline void gram_add_products(const GramTile& tile, const double* factors, double* scaled,
                              double* triangle) {
  for (std::ptrdiff_t line = 0; line < tile.lines; ++line) {
    const double* from = gram_line(tile.z, line);
    double* to = scaled + line * gram_line_size;
    for (std::ptrdiff_t k = 0; k < tile.n_rows; ++k) {
      store(to + k * gram_lanes, set(factors[k]) * load(from + k * gram_lanes));
    }
  }
  const GramProducts products{scaled, tile.z, tile.n_rows, triangle};
  const std::ptrdiff_t last = tile.columns - (tile.lines - 1) * gram_lanes;
  const std::ptrdiff_t wide = last > few_columns ? tile.lines : tile.lines - 1;
  std::ptrdiff_t line = wide % block_lines;
  if constexpr (block_lines > 1) products.first_panels<block_lines - 1>(line);
  for (; line < wide; line += block_lines) products.panels<block_lines>(line);
  if (wide < tile.lines) products.panel_of<few_columns>(last, wide);
}

// One block of eight columns of L v = z for eight rows in the lanes, of which earlier columns have
// been taken off: v_i = (z_i - sum_m L_im v_m) / L_ii.
FALLLINE_INLINE void solve_diagonal(const double* transposed, double* z) {
  vec<double> v[gram_lanes];
  for (int i = 0; i < gram_lanes; ++i) {
    vec<double> x = load(z + i * gram_lanes);
    for (int m = 0; m < i; ++m) x = fnma(set(transposed[m * gram_lanes + i]), v[m], x);
    v[i] = x / set(transposed[i * gram_lanes + i]);
    store(z + i * gram_lanes, v[i]);
  }
}

// The same for `groups` groups of eight rows, each of which lies as [column][row], `height` apart.
template <int groups> FALLLINE_INLINE void solve_line(const double* transposed, std::ptrdiff_t line,
                                                      std::ptrdiff_t height, double* z) {
  const double* panel = transposed + triangle_panel(line);
  const std::ptrdiff_t diagonal = line * gram_lanes * gram_lanes;
  const double* solved[groups];
  double* to[groups];
  for (int g = 0; g < groups; ++g) {
    solved[g] = z + g * height;
    to[g] = z + g * height + diagonal;
  }
  add_block<Minus, groups>(panel, solved, line * gram_lanes, to);
  for (int g = 0; g < groups; ++g) solve_diagonal(panel + diagonal, to[g]);
}

// out[k] = |L^-1 z_k|^2, by forward substitution with rows as lanes.
inline void gram_leverages(const GramTile& tile, const double* transposed, double* solved,
                           double* out) {
  constexpr std::ptrdiff_t size = vec<double>::size;
  const std::ptrdiff_t height = tile.lines * size * size;
  const std::ptrdiff_t groups = (tile.n_rows + size - 1) / size;
  for (std::ptrdiff_t g = 0; g < groups; ++g) {
    for (std::ptrdiff_t line = 0; line < tile.lines; ++line) {
      const double* z = gram_line(tile.z, line) + g * size * size;
      double* to = solved + g * height + line * size * size;
      vec<double> x[size];
      for (int i = 0; i < size; ++i) x[i] = load(z + i * size);
      transpose(x);
      for (int i = 0; i < size; ++i) store(to + i * size, x[i]);
    }
  }
  for (std::ptrdiff_t line = 0; line < tile.lines; ++line) {
    std::ptrdiff_t g = 0;
    for (; g + block_lines <= groups; g += block_lines) {
      solve_line<block_lines>(transposed, line, height, solved + g * height);
    }
    for (; g < groups; ++g) solve_line<1>(transposed, line, height, solved + g * height);
  }
  for (std::ptrdiff_t g = 0; g < groups; ++g) {
    vec<double> squares = set(0.0);
    for (std::ptrdiff_t i = 0; i < height; i += size) {
      const vec<double> v = load(solved + g * height + i);
      squares = fma(v, v, squares);
    }
    store_up_to(out + g * size, tile.n_rows - g * size, squares);
  }
}

constexpr GramKernels gram_kernels = {gram_margins, gram_add_rows, gram_add_products,
                                      gram_leverages};
