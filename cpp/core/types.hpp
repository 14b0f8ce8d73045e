// The plain structs that travel between the bindings, the training loops and the kernels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fallline {

// A row-major matrix in memory that belongs to somebody else; rows may lie further apart than
// their length.
template <class T> struct MatrixView {
  const T* data;
  std::ptrdiff_t rows;
  std::ptrdiff_t columns;
  std::ptrdiff_t stride;  // elements from one row to the next
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

// Rows at positions [begin, end) of an order; a null order is the stored one. streams says that
// what follows a row in memory is needed soon, as the order goes along several places at a time.
struct Rows {
  const std::int64_t* order;
  std::ptrdiff_t begin;
  std::ptrdiff_t end;
  bool streams = false;
};

// Sums over rows, in float64 whatever the dtype of the data.
struct Sums {
  double loss = 0;
  double weight = 0;
  double intercept_gradient = 0;
};

}  // namespace fallline
