#include "training/csr_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace fallline {
namespace {

// Products of two elements that a tile in lines adds up in the time of one of a sparse tile: 24
// with AVX-512, half as many with AVX2.
constexpr double products_at_once = 20;

// Rows, evenly spaced, whose elements decide between the two; at most twice as many.
constexpr std::ptrdiff_t judged_rows = 1024;

// With their zeros.
template <class T, class I> class FilledTile final : public LineTile {
 public:
  FilledTile(const CsrView<T, I>& X, const Standardizer& standardizer)
      : LineTile(standardizer), X_(X) {}

  void read(const Rows& rows) override {
    n_ = rows.end - rows.begin;
    filled_.assign(static_cast<std::size_t>(n_ * X_.columns), 0.0);
    for (std::ptrdiff_t k = 0; k < n_; ++k) {
      const std::ptrdiff_t at = rows.begin + k;
      const CsrRow<T, I> row = row_of(X_, rows.order ? rows.order[at] : at);
      double* to = filled_.data() + k * X_.columns;
      for (std::ptrdiff_t e = 0; e < row.n; ++e) {
        to[row.indices[e]] += static_cast<double>(row.values[e]);
      }
    }
    kernels<double>().standardize({filled_.data(), n_, X_.columns, X_.columns}, {nullptr, 0, n_},
                                  columns_, tile_.data());
  }

 private:
  CsrView<T, I> X_;
  AlignedVector<double> filled_;
};

struct Element {
  std::ptrdiff_t column;
  double z;
};

// Brings elements into the order of their columns and adds up those of one; returns their new end.
Element* sorted(Element* first, Element* last) {
  std::stable_sort(first, last,
                   [](const Element& a, const Element& b) { return a.column < b.column; });
  Element* end = first;
  for (const Element* e = first; e < last; ++e) {
    if (end > first && end[-1].column == e->column) {
      end[-1].z += e->z;
    } else {
      *end++ = *e;
    }
  }
  return end;
}

// Adds a zero to elements in the order of their columns if that column is not there; returns their
// new end.
Element* with_column(Element* first, Element* last, std::ptrdiff_t column) {
  Element* place = last;
  while (place > first && place[-1].column > column) --place;
  if (place > first && place[-1].column == column) return last;
  for (Element* e = last; e > place; --e) *e = e[-1];
  *place = {column, 0.0};
  return last + 1;
}

// Columns that have a mean have no zeros: the last of them is the intercept's.
std::vector<std::ptrdiff_t> full_columns(const Standardizer& standardizer) {
  std::vector<std::ptrdiff_t> found;
  for (std::ptrdiff_t j = 0; j < standardizer.n_columns(); ++j) {
    if (standardizer.columns().mean[j] != 0) found.push_back(j);
  }
  return found;
}

// Without their zeros.
template <class T, class I> class SparseTile final : public StandardTile {
 public:
  SparseTile(const CsrView<T, I>& X, const Standardizer& standardizer)
      : X_(X), columns_(standardizer.columns()), full_(full_columns(standardizer)) {}

  void read(const Rows& rows) override {
    n_ = rows.end - rows.begin;
    std::ptrdiff_t end = 0;
    for (std::ptrdiff_t k = 0; k < n_; ++k) {
      const std::ptrdiff_t at = rows.begin + k;
      end = read(row_of(X_, rows.order ? rows.order[at] : at), end);
      ends_[k] = end;
    }
  }

  void margins(const double* u, double* out) const override {
    for (std::ptrdiff_t k = 0; k < n_; ++k) {
      double sum = 0;
      for (const Element* e = begin(k); e < end(k); ++e) sum += e->z * u[e->column];
      out[k] = sum;
    }
  }

  void add_rows(const double* factors, double* gradient) const override {
    for (std::ptrdiff_t k = 0; k < n_; ++k) {
      for (const Element* e = begin(k); e < end(k); ++e) gradient[e->column] += factors[k] * e->z;
    }
  }

  void add_products(std::ptrdiff_t first_row, std::ptrdiff_t last_row, const double* factors,
                    double* triangle) override {
    for (std::ptrdiff_t k = first_row; k < last_row; ++k) {
      const Element* const first = begin(k);
      const Element* const last = end(k);
      for (const Element* e = first; e < last; ++e) {
        double* const panel = triangle + triangle_place(0, e->column);
        const double scaled = factors[k] * e->z;
        for (const Element* above = first; above <= e; ++above) {
          panel[above->column * gram_lanes] += scaled * above->z;
        }
      }
    }
  }

  // Signed products, each no larger than those of the roots: 2 n roundings for n elements, and
  // those of the inverse, are added.
  void leverages(const LeverageFactor& L, double* out) override {
    constexpr double eps = std::numeric_limits<double>::epsilon();
    for (std::ptrdiff_t k = 0; k < n_; ++k) {
      const Element* const first = begin(k);
      double sum = 0, size = 0;
      for (const Element* e = first; e < end(k); ++e) {
        const double* const row = L.inverse.data() + e->column * L.n;
        double others = 0;
        for (const Element* above = first; above < e; ++above) {
          others += row[above->column] * above->z;
        }
        sum += e->z * (2 * others + row[e->column] * e->z);
        size += std::abs(e->z) * L.roots.data()[e->column];
      }
      const auto roundings = static_cast<double>(2 * (end(k) - first) + L.n + 4);
      out[k] = sum + roundings * eps * size * size;
    }
  }

 private:
  const Element* begin(std::ptrdiff_t k) const {
    return elements_.data() + (k > 0 ? ends_[k - 1] : 0);
  }
  const Element* end(std::ptrdiff_t k) const { return elements_.data() + ends_[k]; }

  // Writes a row behind the others and returns where it ends.
  std::ptrdiff_t read(const CsrRow<T, I>& row, std::ptrdiff_t at) {
    const std::size_t most = static_cast<std::size_t>(at + row.n) + full_.size();
    if (most > elements_.size()) elements_.resize(2 * most);
    Element* const first = elements_.data() + at;
    Element* last = first;
    std::ptrdiff_t before = -1;
    bool rises = true;
    for (std::ptrdiff_t e = 0; e < row.n; ++e) {
      const auto column = static_cast<std::ptrdiff_t>(row.indices[e]);
      rises &= before < column;
      before = column;
      *last++ = {column, static_cast<double>(row.values[e])};
    }
    if (!rises) last = sorted(first, last);
    for (const std::ptrdiff_t column : full_) last = with_column(first, last, column);
    for (Element* e = first; e < last; ++e) {
      e->z = (e->z - columns_.mean[e->column]) * columns_.inverse_scale[e->column];
    }
    return last - elements_.data();
  }

  CsrView<T, I> X_;
  StandardColumns columns_;
  std::vector<std::ptrdiff_t> full_;
  std::vector<Element> elements_;
  std::ptrdiff_t n_ = 0, ends_[gram_rows];
};

// Products of two elements of a row without its zeros, on average.
template <class T, class I>
double mean_sparse_products(const CsrView<T, I>& X, const Standardizer& standardizer) {
  const auto full = static_cast<double>(full_columns(standardizer).size());
  const std::ptrdiff_t step = std::max<std::ptrdiff_t>(X.rows / judged_rows, 1);
  double products = 0, rows = 0;
  for (std::ptrdiff_t i = 0; i < X.rows; i += step, ++rows) {
    const double elements = static_cast<double>(row_of(X, i).n) + full;
    products += 0.5 * elements * (elements + 1);
  }
  return std::max(products, 1.0) / std::max(rows, 1.0);
}

double line_products(const Standardizer& standardizer) {
  return static_cast<double>(triangle_size(standardizer.lines()));
}

}  // namespace

template <class T, class I>
std::unique_ptr<LineTile> CsrRows<T, I>::line_tile(const Standardizer& standardizer) const {
  return std::make_unique<FilledTile<T, I>>(X_, standardizer);
}

template <class T, class I>
double CsrRows<T, I>::mean_products(const Standardizer& standardizer) const {
  const double sparse = mean_sparse_products(X_, standardizer);
  const double in_lines = line_products(standardizer);
  return sparse * products_at_once <= in_lines ? sparse : in_lines;
}

template <class T, class I>
std::unique_ptr<StandardTile> CsrRows<T, I>::tile(const Standardizer& standardizer) const {
  if (this->is_sparse(standardizer)) {
    return std::make_unique<SparseTile<T, I>>(X_, standardizer);
  }
  return line_tile(standardizer);
}

template class CsrRows<float, std::int32_t>;
template class CsrRows<float, std::int64_t>;
template class CsrRows<double, std::int32_t>;
template class CsrRows<double, std::int64_t>;

}  // namespace fallline
