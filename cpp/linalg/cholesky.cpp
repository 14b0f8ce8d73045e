#include "linalg/cholesky.hpp"

#include <algorithm>

#include "core/aligned.hpp"
#include "kernels/table.hpp"
#include "linalg/chunks.hpp"

namespace fallline {
namespace {

// Columns to a panel, whose strips of 8 rows stay in the first-level cache. Whole strips.
constexpr std::ptrdiff_t panel_columns = 64;
// Strips a thread takes at a time: an even number, as kernels may take them in pairs.
constexpr std::ptrdiff_t chunk = 4;

constexpr std::ptrdiff_t strips_of(std::ptrdiff_t n) { return (n + strip_lanes - 1) / strip_lanes; }

// Right-hand sides in strips of eight, [strip][row][column]; a last one is filled with zeros.
class Strips {
 public:
  Strips(double* b, std::ptrdiff_t n, std::ptrdiff_t n_columns)
      : b_(b),
        n_(n),
        n_columns_(n_columns),
        strips_(static_cast<std::size_t>(strips_of(n_columns) * n * strip_lanes)) {
    for_rows([](double* matrix, double* strip, std::ptrdiff_t count) {
      std::copy_n(matrix, count, strip);
    });
  }

  void solve(const double* L, bool transposed) {
    const std::ptrdiff_t size = n_ * strip_lanes;
    for_chunks(0, strips_of(n_columns_), chunk, bytes_of(n_ * n_columns_),
               [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
                 kernels<double>().factor.solve_triangle(
                     {L, n_, n_, strips_.data() + begin * size, end - begin, transposed});
               });
  }

  void put_back() {
    for_rows([](double* matrix, double* strip, std::ptrdiff_t count) {
      std::copy_n(strip, count, matrix);
    });
  }

 private:
  template <class Copy> void for_rows(const Copy& copy) {
    double* strip = strips_.data();
    for (std::ptrdiff_t c = 0; c < n_columns_; c += strip_lanes) {
      const std::ptrdiff_t count = std::min(strip_lanes, n_columns_ - c);
      for (std::ptrdiff_t i = 0; i < n_; ++i, strip += strip_lanes) {
        copy(b_ + i * n_columns_ + c, strip, count);
      }
    }
  }

  double* b_;
  std::ptrdiff_t n_, n_columns_;
  AlignedVector<double> strips_;
};

}  // namespace

std::ptrdiff_t cholesky(double* A, std::ptrdiff_t n) {
  const FactorKernels& factor = kernels<double>().factor;
  const std::ptrdiff_t width = std::min(panel_columns, strips_of(n) * strip_lanes);
  AlignedVector<double> strips(static_cast<std::size_t>(strips_of(n) * strip_lanes * width));
  for (std::ptrdiff_t begin = 0; begin < n; begin += panel_columns) {
    const std::ptrdiff_t rows = n - begin;
    const CholeskyPanel panel{A + begin * (n + 1), n, rows, std::min(panel_columns, rows),
                              strips.data()};
    const std::ptrdiff_t pivot = factor.factor_diagonal(panel);
    if (pivot >= 0) return begin + pivot;
    const std::ptrdiff_t first = strips_of(panel.columns), last = strips_of(rows);
    for_chunks(first, last, chunk, bytes_of(rows * panel.columns),
               [&](auto from, auto to) { factor.solve_rows(panel, from, to); });
    for_chunks(first, last, chunk, bytes_of(rows * rows / 2),
               [&](auto from, auto to) { factor.update_columns(panel, from, to); });
  }
  return -1;
}

void solve_lower(const double* L, std::ptrdiff_t n, double* b, std::ptrdiff_t n_columns) {
  Strips strips(b, n, n_columns);
  strips.solve(L, false);
  strips.put_back();
}

void solve_lower_transposed(const double* L, std::ptrdiff_t n, double* b,
                            std::ptrdiff_t n_columns) {
  Strips strips(b, n, n_columns);
  strips.solve(L, true);
  strips.put_back();
}

void solve_cholesky(const double* L, std::ptrdiff_t n, double* b, std::ptrdiff_t n_columns) {
  Strips strips(b, n, n_columns);
  strips.solve(L, false);
  strips.solve(L, true);
  strips.put_back();
}

}  // namespace fallline
