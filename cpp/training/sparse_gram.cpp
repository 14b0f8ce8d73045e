#include "training/sparse_gram.hpp"

#include <limits>

namespace fallline {
namespace {

// Columns between two looks at the user's signals.
constexpr std::ptrdiff_t poll_columns = 16;

// Rows between the one worked on and the one brought into the cache.
constexpr std::ptrdiff_t rows_ahead = 16;

// An element of X among those of its column: where it and the rest of its row are, and its value
// times that row's factor.
struct Element {
  std::int32_t begin, end;
  double value;
};

struct Columns {
  std::vector<Element> elements;
  std::vector<std::ptrdiff_t> starts;
};

template <class T, class I> bool rises_in_rows(const CsrView<T, I>& X) {
  for (std::ptrdiff_t i = 0; i < X.rows; ++i) {
    const CsrRow<T, I> row = row_of(X, i);
    for (std::ptrdiff_t e = 1; e < row.n; ++e) {
      if (row.indices[e] <= row.indices[e - 1]) return false;
    }
  }
  return true;
}

template <class T, class I> Columns columns_of(const CsrView<T, I>& X, const double* c) {
  const auto first = static_cast<std::ptrdiff_t>(X.starts[0]);
  const auto last = static_cast<std::ptrdiff_t>(X.starts[X.rows]);
  Columns found{std::vector<Element>(static_cast<std::size_t>(last - first)),
                std::vector<std::ptrdiff_t>(static_cast<std::size_t>(X.columns + 2))};
  // Counted two places up, a column's start moves to its end, where the next begins, as it fills.
  std::ptrdiff_t* const starts = found.starts.data();
  for (std::ptrdiff_t e = first; e < last; ++e) ++starts[X.indices[e] + 2];
  for (std::ptrdiff_t j = 2; j < X.columns + 2; ++j) starts[j] += starts[j - 1];
  for (std::ptrdiff_t i = 0; i < X.rows; ++i) {
    const auto end = static_cast<std::ptrdiff_t>(X.starts[i + 1]);
    for (auto e = static_cast<std::ptrdiff_t>(X.starts[i]); e < end; ++e) {
      found.elements[static_cast<std::size_t>(starts[X.indices[e] + 1]++)] = {
          static_cast<std::int32_t>(e), static_cast<std::int32_t>(end),
          c[i] * static_cast<double>(X.values[e])};
    }
  }
  return found;
}

}  // namespace

template <class T, class I> GramEnd sparse_gram(const CsrView<T, I>& X, const double* c,
                                                std::ptrdiff_t most, SparseGram& gram,
                                                Interrupt& interrupt) {
  constexpr auto largest = static_cast<std::ptrdiff_t>(std::numeric_limits<std::int32_t>::max());
  if (static_cast<std::ptrdiff_t>(X.starts[X.rows]) > largest || X.columns > largest) {
    return GramEnd::too_large;
  }
  if (!rises_in_rows(X)) return GramEnd::unordered;
  const Columns columns = columns_of(X, c);
  const auto d = static_cast<std::size_t>(X.columns);
  std::vector<double> sums(d);
  std::vector<std::int32_t> met_by(d, -1);  // the last column that has met this one
  gram = {};
  gram.starts.push_back(0);
  for (std::int32_t j = 0; j < X.columns; ++j) {
    if (j % poll_columns == 0) interrupt.poll();
    if (interrupt.stopped()) return GramEnd::interrupted;
    const Element* const last = columns.elements.data() + columns.starts[j + 1];
    const Element* const all = columns.elements.data() + columns.elements.size();
    const std::size_t begin = gram.indices.size();
    for (const Element* x = columns.elements.data() + columns.starts[j]; x < last; ++x) {
      if (all - x > rows_ahead) {
        __builtin_prefetch(X.values + x[rows_ahead].begin);
        __builtin_prefetch(X.indices + x[rows_ahead].begin);
      }
      for (std::ptrdiff_t e = x->begin; e < x->end; ++e) {
        const I k = X.indices[e];
        if (met_by[k] != j) {
          met_by[k] = j;
          gram.indices.push_back(static_cast<std::int32_t>(k));
        }
        sums[k] += x->value * static_cast<double>(X.values[e]);
      }
    }
    if (static_cast<std::ptrdiff_t>(gram.indices.size()) > most) return GramEnd::too_large;
    for (std::size_t at = begin; at < gram.indices.size(); ++at) {
      double& sum = sums[gram.indices[at]];
      gram.values.push_back(gram.indices[at] == j ? 0.5 * sum : sum);
      sum = 0;
    }
    gram.starts.push_back(static_cast<std::int32_t>(gram.indices.size()));
  }
  return GramEnd::whole;
}

template GramEnd sparse_gram(const CsrView<float, std::int32_t>&, const double*, std::ptrdiff_t,
                             SparseGram&, Interrupt&);
template GramEnd sparse_gram(const CsrView<float, std::int64_t>&, const double*, std::ptrdiff_t,
                             SparseGram&, Interrupt&);
template GramEnd sparse_gram(const CsrView<double, std::int32_t>&, const double*, std::ptrdiff_t,
                             SparseGram&, Interrupt&);
template GramEnd sparse_gram(const CsrView<double, std::int64_t>&, const double*, std::ptrdiff_t,
                             SparseGram&, Interrupt&);

}  // namespace fallline
