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
