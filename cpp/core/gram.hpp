// Tiles of standardised rows, and sums of their outer products: what second-order methods see of
// the data. Everything is float64, whatever the dtype of X.
#pragma once

#include "core/types.hpp"

namespace fallline {

constexpr std::ptrdiff_t gram_lanes = 8;

// Rows of a tile: what is read of the sums, once a tile, is then little beside the products.
constexpr std::ptrdiff_t gram_rows = 64;

// A tile lies in lines of eight columns, [line][row][lane], behind the last column zeros: what a
// product of matrices reads is then one contiguous stream per line. Lines are a row further apart
// than they need, so that those of one row do not fall on the same few places of the cache.
constexpr std::ptrdiff_t gram_line_size = (gram_rows + 1) * gram_lanes;
inline std::ptrdiff_t gram_lines(std::ptrdiff_t n_columns) {
  return (n_columns + gram_lanes - 1) / gram_lanes;
}
inline std::ptrdiff_t gram_tile_size(std::ptrdiff_t lines) { return lines * gram_line_size; }

// The upper triangle of a symmetric matrix, or of a triangular one, lies in panels: of each line of
// columns the rows down to its diagonal, [line][row][lane]. Always inlined, as it is called from
// code that is compiled once per target.
inline __attribute__((always_inline)) std::ptrdiff_t triangle_panel(std::ptrdiff_t line) {
  return gram_lanes * gram_lanes * (line * (line + 1) / 2);
}
inline std::ptrdiff_t triangle_size(std::ptrdiff_t lines) { return triangle_panel(lines); }
inline std::ptrdiff_t triangle_place(std::ptrdiff_t row, std::ptrdiff_t column) {
  return triangle_panel(column / gram_lanes) + row * gram_lanes + column % gram_lanes;
}

// z = (x - mean) * inverse_scale, column by column; both padded to whole lines.
struct StandardColumns {
  const double* mean;
  const double* inverse_scale;
  std::ptrdiff_t lines;
  std::ptrdiff_t columns;
};

// The first rows of a tile.
struct GramTile {
  const double* z;
  std::ptrdiff_t lines;
  std::ptrdiff_t n_rows;
  std::ptrdiff_t columns;
};

struct GramKernels {
  // out[k] = z_k . u
  void (*margins)(const GramTile& tile, const double* u, double* out);
  // gradient += sum_k factors[k] z_k
  void (*add_rows)(const GramTile& tile, const double* factors, double* gradient);
  // triangle += sum_k factors[k] z_k z_k'; scaled is scratch of the size of a tile
  void (*add_products)(const GramTile& tile, const double* factors, double* scaled,
                       double* triangle);
  // out[k] = |L^-1 z_k|^2 for the transposed panels of L; solved is scratch of the size of a tile
  void (*leverages)(const GramTile& tile, const double* transposed, double* solved, double* out);
};

}  // namespace fallline
