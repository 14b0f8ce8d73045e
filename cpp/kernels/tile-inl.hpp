// Margins, residuals and gradient of a tile of rows, block by block.
#pragma once

// What a block does with its rows, by their length: few enough of them that the gradient finds them
// in the first-level cache, enough to amortise reading and writing it.
template <int lines> struct ShortRows {
  static constexpr std::ptrdiff_t block_rows = max_block_rows;
  static constexpr std::ptrdiff_t reach = lines;  // in lines, see Block::over

  // Of the next block: at d = 64 a shorter way took 1.2 times as long, at d = 30 a longer one 1.05.
  static FALLLINE_INLINE std::ptrdiff_t rows_ahead(std::ptrdiff_t) { return block_rows; }

  template <class Places, class T>
  static FALLLINE_INLINE void margins(Places& x, bool over, std::ptrdiff_t n_rows, const T* w,
                                      std::ptrdiff_t n, T intercept, T* out) {
    if (over) {
      short_margins<lines, true>(x, n_rows, w, n, intercept, out);
    } else {
      short_margins<lines, false>(x, n_rows, w, n, intercept, out);
    }
  }

  template <class Places, class T>
  static FALLLINE_INLINE void gradient(Places& x, bool over, std::ptrdiff_t n_rows,
                                       const T* residuals, std::ptrdiff_t n, T* g) {
    if (over) {
      add_short_rows<lines, true>(x, residuals, n_rows, n, g);
    } else {
      add_short_rows<lines, false>(x, residuals, n_rows, n, g);
    }
  }
};

template <std::ptrdiff_t n_rows_, int group> struct LongRows {
  static constexpr std::ptrdiff_t block_rows = n_rows_;
  static constexpr std::ptrdiff_t reach = 0;

  static FALLLINE_INLINE std::ptrdiff_t rows_ahead(std::ptrdiff_t row_bytes) {
    return rows_in_bytes_ahead(row_bytes);
  }

  template <class Places, class T>
  static FALLLINE_INLINE void margins(Places& x, bool, std::ptrdiff_t n_rows, const T* w,
                                      std::ptrdiff_t n, T intercept, T* out) {
    row_margins(x, n_rows, w, n, intercept, out);
  }

  template <class Places, class T>
  static FALLLINE_INLINE void gradient(Places& x, bool, std::ptrdiff_t n_rows, const T* residuals,
                                       std::ptrdiff_t n, T* g) {
    add_rows<group>(x, residuals, n_rows, n, g);
  }
};

template <class Length, class Places, class T>
FALLLINE_INLINE void block_pass(const TileTask<T>& task, const Block<T>& block, Places& x,
                                std::ptrdiff_t n_rows, Sums& sums) {
  const std::ptrdiff_t n = task.samples.X.columns;
  T margins[Length::block_rows];
  T residuals[Length::block_rows];
  Length::margins(x, block.over, n_rows, task.w, n, task.intercept, margins);
  const LossSums losses = task.loss.entry->residuals(margins, block.targets, block.sample_weight,
                                                     residuals, n_rows, task.loss.parameters);
  sums.loss += losses.loss;
  sums.intercept_gradient += losses.residual;
  if (block.sample_weight) {
    for (std::ptrdiff_t k = 0; k < n_rows; ++k) {
      sums.weight += static_cast<double>(block.sample_weight[k]);
    }
  } else {
    sums.weight += static_cast<double>(n_rows);
  }
  if (task.gradient) {
    Length::gradient(x, block.over, n_rows, residuals, n, task.gradient);
  }
}

template <class Length, class T> FALLLINE_INLINE void tile_of(const TileTask<T>& task, Sums& sums) {
  constexpr std::ptrdiff_t step = Length::block_rows;
  const std::ptrdiff_t ahead =
      Length::rows_ahead(task.samples.X.columns * static_cast<std::ptrdiff_t>(sizeof(T)));
  Block<T> block;
  for (std::ptrdiff_t begin = task.rows.begin; begin < task.rows.end; begin += step) {
    const std::ptrdiff_t left = task.rows.end - begin;
    const std::ptrdiff_t n_rows = left < step ? left : step;
    block.gather(task.samples, task.rows, begin, n_rows, Length::reach * vec<T>::size, ahead);
    if (task.rows.order) {
      block_pass<Length>(task, block, block.listed, n_rows, sums);
    } else {
      // Rows of a line wait for the processor and want their places in registers: 2.10 -> 1.95 ns a
      // row at d = 10. Longer ones wait for memory and took 5 % longer that way.
      if constexpr (Length::reach == 1) {
        Stored<T> stored = block.stored;
        block_pass<Length>(task, block, stored, n_rows, sums);
      } else {
        block_pass<Length>(task, block, block.stored, n_rows, sums);
      }
    }
  }
}

// Shows a visitor how rows of n columns are taken.
template <class T, class Visitor> FALLLINE_INLINE void visit_length(std::ptrdiff_t n, Visitor& to) {
  constexpr std::ptrdiff_t line = vec<T>::size;
  if (n <= line) {
    to.template visit<ShortRows<1>>();
  } else if (n <= 2 * line) {
    to.template visit<ShortRows<2>>();
  } else if (n <= 3 * line) {
    to.template visit<ShortRows<3>>();
  } else if (n <= 4 * line) {
    to.template visit<ShortRows<4>>();
  } else if (n <= 10 * line) {
    to.template visit<LongRows<16, 8>>();
  } else if (n <= 13 * line) {
    to.template visit<LongRows<8, 8>>();
  } else {
    to.template visit<LongRows<4, 4>>();
  }
}

template <class T> struct TileVisitor {
  const TileTask<T>& task;
  Sums& sums;
  template <class Length> FALLLINE_INLINE void visit() { tile_of<Length>(task, sums); }
};
template <class T> void tile(const TileTask<T>& task, Sums& sums) {
  TileVisitor<T> visitor{task, sums};
  visit_length<T>(task.samples.X.columns, visitor);
}

// Rows of a block of tile(): tiles of whole blocks add up to the bits of one.
struct BlockRowsVisitor {
  std::ptrdiff_t rows;
  template <class Length> FALLLINE_INLINE void visit() { rows = Length::block_rows; }
};
template <class T> std::ptrdiff_t block_rows(std::ptrdiff_t n) {
  BlockRowsVisitor visitor{};
  visit_length<T>(n, visitor);
  return visitor.rows;
}

template <class T> void margins(const MatrixView<T>& X, const T* w, T intercept, T* out) {
  for (std::ptrdiff_t k = 0; k < X.rows; ++k) {
    out[k] = sum(partial_dot(X.data + k * X.stride, w, X.columns)) + intercept;
  }
}
