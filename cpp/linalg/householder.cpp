#include "linalg/householder.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/aligned.hpp"
#include "kernels/table.hpp"
#include "linalg/chunks.hpp"

namespace fallline {
namespace {

// Rows of A that go below R at a time. It decides about bits.
constexpr std::ptrdiff_t tile_rows = 256;
// Reflections that columns go through while they are in the first-level cache.
constexpr std::ptrdiff_t panel_columns = 16;
// Columns a thread takes at a time.
constexpr std::ptrdiff_t chunk = 32;

void make_diagonal_positive(double* R, std::ptrdiff_t p) {
  for (std::ptrdiff_t j = 0; j < p; ++j) {
    double* row = R + j * p;
    if (row[j] < 0) std::transform(row + j, row + p, row + j, std::negate<>());
  }
}

}  // namespace

void qr_update(double* R, std::ptrdiff_t p, const double* A, std::ptrdiff_t n) {
  const FactorKernels& factor = kernels<double>().factor;
  const std::ptrdiff_t stride = padded_size<double>(std::min(tile_rows, n));
  AlignedVector<double> columns(static_cast<std::size_t>(p * stride));
  double tau[panel_columns];
  for (std::ptrdiff_t begin = 0; begin < n; begin += tile_rows) {
    const std::ptrdiff_t rows = std::min(tile_rows, n - begin);
    factor.unpack_columns(A + begin * p, p, rows, p, columns.data(), stride);
    for (std::ptrdiff_t first = 0; first < p; first += panel_columns) {
      const std::ptrdiff_t last = std::min(first + panel_columns, p);
      const ReflectorPanel panel{columns.data(), stride, rows, R, p, 1, first, last, tau};
      factor.make_reflections(panel);
      for_chunks(last, p, chunk, bytes_of(rows * (p - last)),
                 [&](auto from, auto to) { factor.reflect_columns(panel, from, to); });
    }
  }
  make_diagonal_positive(R, p);
}

void pivoted_qr(double* R, std::ptrdiff_t p, std::ptrdiff_t* permutation) {
  const FactorKernels& factor = kernels<double>().factor;
  const std::ptrdiff_t stride = padded_size<double>(p);
  AlignedVector<double> columns(static_cast<std::size_t>(p * stride));
  AlignedVector<double> squares(static_cast<std::size_t>(p));
  factor.unpack_columns(R, p, p, p, columns.data(), stride);
  std::iota(permutation, permutation + p, std::ptrdiff_t{0});
  for (std::ptrdiff_t j = 0; j < p; ++j) {
    double* column = columns.data() + j * stride;
    factor.column_squares(column + j, stride, p - j, p - j, squares.data());
    const auto last = squares.begin() + (p - j);
    const std::ptrdiff_t k = j + (std::max_element(squares.begin(), last) - squares.begin());
    if (k != j) {
      std::swap_ranges(column, column + p, columns.data() + k * stride);
      std::swap(permutation[j], permutation[k]);
    }
    double tau = 0;
    const ReflectorPanel panel{
        columns.data() + j + 1, stride, p - j - 1, columns.data(), 1, stride, j, j + 1, &tau};
    factor.make_reflections(panel);
    for_chunks(j + 1, p, chunk, bytes_of((p - j) * (p - j)),
               [&](auto from, auto to) { factor.reflect_columns(panel, from, to); });
  }
  for (std::ptrdiff_t i = 0; i < p; ++i) {
    for (std::ptrdiff_t c = 0; c < p; ++c) {
      R[i * p + c] = i > c ? 0.0 : columns[static_cast<std::size_t>(c * stride + i)];
    }
  }
  make_diagonal_positive(R, p);
}

}  // namespace fallline
