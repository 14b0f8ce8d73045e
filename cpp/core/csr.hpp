// Sparse matrices in compressed rows. Within a row columns may come in any order and more than
// once: everything computed from a row is a sum over its elements.
#pragma once

#include <cstddef>

namespace fallline {

// A matrix in memory that belongs to somebody else. Its columns have been checked: all of them are
// below `columns`.
template <class T, class I> struct CsrView {
  const T* values;
  const I* indices;  // the column of each value
  const I* starts;   // where each row begins; one more than rows
  std::ptrdiff_t rows;
  std::ptrdiff_t columns;
};

template <class T, class I> struct CsrRow {
  const T* values;
  const I* indices;
  std::ptrdiff_t n;
};

// Always inlined, as they are called from code that is compiled once per target.
template <class E>
inline __attribute__((always_inline)) void prefetch(const E* p, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t line = 64 / static_cast<std::ptrdiff_t>(sizeof(E));
  for (std::ptrdiff_t k = 0; k < n; k += line) __builtin_prefetch(p + k);
  // Where p is inside a line they may end in one more: without it an epoch in random order takes
  // 1.1 times as long (benchmarks/peers_csr.py).
  if (n > 0) __builtin_prefetch(p + n - 1);
}

// Brings a row into the cache while others are worked on.
template <class T, class I>
inline __attribute__((always_inline)) void prefetch(const CsrRow<T, I>& row) {
  prefetch(row.values, row.n);
  prefetch(row.indices, row.n);
}

template <class T, class I> CsrRow<T, I> row_of(const CsrView<T, I>& X, std::ptrdiff_t row) {
  const auto begin = static_cast<std::ptrdiff_t>(X.starts[row]);
  const auto end = static_cast<std::ptrdiff_t>(X.starts[row + 1]);
  return {X.values + begin, X.indices + begin, end - begin};
}

// What a model is trained on. sample_weight may be null: every row then weighs 1.
template <class T, class I> struct CsrSamples {
  CsrView<T, I> X;
  const T* targets;
  const T* sample_weight;
};

}  // namespace fallline
