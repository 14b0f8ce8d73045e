// The plain structs that travel between the bindings, the training loops and the kernels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fallline {

// Floats of 16 bits: IEEE's, and the upper half of a float.
struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

// Rows at positions [begin, end) of an order; a null order is the stored one. An order is known up
// to the position `known`, the end or behind it, so that rows can be asked of memory ahead of time.
struct Rows {
  const std::int64_t* order;
  std::ptrdiff_t begin;
  std::ptrdiff_t end;
  std::ptrdiff_t known = 0;
};

// How far beyond the end of a mini-batch an order should be known.
constexpr std::ptrdiff_t max_rows_ahead = 64;

template <class T> struct MatrixView;

// Writes rows of a matrix as T, one every `stride` elements, which are whole vectors: behind the
// last column come zeros.
template <class T>
using Unpack = void (*)(const MatrixView<T>& X, const Rows& rows, T* out, std::ptrdiff_t stride);

// Elements of whatever kind, at whatever strides.
template <class T> struct Elements {
  const unsigned char* data;
  std::ptrdiff_t row_stride, column_stride;  // bytes
  const T* shift;  // one number per column, taken off its elements; null for none
};

// A matrix in memory that belongs to somebody else. Where unpack is null its rows lie as T next to
// each other, possibly further apart than their length, and the kernels read them in place. All
// else has no data and stride, but elements to be unpacked a few rows at a time.
template <class T> struct MatrixView {
  const T* data;
  std::ptrdiff_t rows;
  std::ptrdiff_t columns;
  std::ptrdiff_t stride;  // elements from one row to the next
  Unpack<T> unpack = nullptr;
  Elements<T> elements = {};
};

// What a model is trained on. sample_weight may be null: every row then weighs 1.
template <class T> struct Samples {
  MatrixView<T> X;
  const T* targets;
  const T* sample_weight;
};

// S, by which the objective is divided: of n rows, whose sample_weight may be null.
template <class T> double sum_of_weights(const T* sample_weight, std::ptrdiff_t n) {
  if (!sample_weight) return static_cast<double>(n);
  double total = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) total += static_cast<double>(sample_weight[i]);
  return total;
}

// Sums over rows, in float64 whatever the dtype of the data.
struct Sums {
  double loss = 0;
  double weight = 0;
  double intercept_gradient = 0;
};

}  // namespace fallline
