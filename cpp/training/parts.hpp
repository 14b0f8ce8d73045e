// How a range of rows is cut into parts and their sums are put together: by the number of rows
// alone, never by that of the threads.
#pragma once

#include <algorithm>
#include <cstddef>

namespace fallline {

// Rows whose gradient is summed in the dtype of the data before it goes on in float64. A range of
// at most so many rows is one tile call.
constexpr std::ptrdiff_t tile_rows = 1024;

constexpr std::ptrdiff_t max_parts = 64;

// Rows of each of at most `parts` parts of n rows, the last of which may be shorter: whole tiles.
inline std::ptrdiff_t part_rows(std::ptrdiff_t n, std::ptrdiff_t parts = max_parts,
                                std::ptrdiff_t tile = tile_rows) {
  const std::ptrdiff_t tiles = (n + tile - 1) / tile;
  return std::max<std::ptrdiff_t>((tiles + parts - 1) / parts, 1) * tile;
}

// Adds `count` arrays of `width` numbers each, which follow each other, to the first: neighbours,
// then neighbouring pairs, and so on.
inline void add_pairwise(double* arrays, std::ptrdiff_t count, std::ptrdiff_t width) {
  for (std::ptrdiff_t stride = 1; stride < count; stride *= 2) {
    for (std::ptrdiff_t k = 0; k + stride < count; k += 2 * stride) {
      double* to = arrays + k * width;
      const double* from = arrays + (k + stride) * width;
      for (std::ptrdiff_t j = 0; j < width; ++j) to[j] += from[j];
    }
  }
}

}  // namespace fallline
