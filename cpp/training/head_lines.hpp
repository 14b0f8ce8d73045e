// Numbers of heads between the order of users and the lines of the kernels.
#pragma once

#include <cstddef>

#include "core/aligned.hpp"
#include "core/heads.hpp"

namespace fallline {

// Heads, padded to whole lines.
template <class T> std::size_t head_width(std::ptrdiff_t n_heads) {
  return static_cast<std::size_t>(head_lines<T>(n_heads) * head_lanes<T>);
}

// Visits the places of all weights: row-major (n_features, n_heads) and [line][feature][lane].
template <class T, class Visit>
void for_each_weight(std::ptrdiff_t n_features, std::ptrdiff_t n_heads, Visit visit) {
  for (std::ptrdiff_t head = 0; head < n_heads; ++head) {
    const std::ptrdiff_t line = head / head_lanes<T> * n_features * head_lanes<T>;
    for (std::ptrdiff_t j = 0; j < n_features; ++j) {
      visit(j * n_heads + head, line + j * head_lanes<T> + head % head_lanes<T>);
    }
  }
}

// Weights, row-major (n_features, n_heads), as the kernels want them.
template <class T>
AlignedVector<T> coef_in_lines(const T* coef, std::ptrdiff_t n_features, std::ptrdiff_t n_heads) {
  AlignedVector<T> w(head_width<T>(n_heads) * static_cast<std::size_t>(n_features));
  for_each_weight<T>(n_features, n_heads, [&](std::ptrdiff_t from, std::ptrdiff_t to) {
    w[static_cast<std::size_t>(to)] = coef[from];
  });
  return w;
}

// Intercepts in the dtype of the data.
template <class T>
AlignedVector<T> intercepts_in_lines(const double* intercepts, std::ptrdiff_t n_heads) {
  AlignedVector<T> rounded(head_width<T>(n_heads));
  for (std::ptrdiff_t head = 0; head < n_heads; ++head) {
    rounded[static_cast<std::size_t>(head)] = static_cast<T>(intercepts[head]);
  }
  return rounded;
}

}  // namespace fallline
