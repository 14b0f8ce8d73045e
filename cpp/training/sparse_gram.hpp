// The matrix X' C X of sparse rows, without its zeros: for products that are many, and cheaper than
// a look at the rows where columns meet the same few others again and again. It is U + U' with U an
// upper triangle that has one half of the diagonal.
#pragma once

#include <cstdint>
#include <vector>

#include "core/csr.hpp"
#include "core/interrupt.hpp"

namespace fallline {

// The triangle in compressed rows; within a row columns come in the order in which they are met.
struct SparseGram {
  std::vector<double> values;
  std::vector<std::int32_t> indices;
  std::vector<std::int32_t> starts;
};

enum class GramEnd { whole, too_large, unordered, interrupted };

// With c on the diagonal of C. Given up as too large where more than `most` elements would be
// stored, or X has 2^31 elements or columns, and as unordered where columns do not rise in a row.
template <class T, class I> GramEnd sparse_gram(const CsrView<T, I>& X, const double* c,
                                                std::ptrdiff_t most, SparseGram& gram,
                                                Interrupt& interrupt);

}  // namespace fallline
