// Dense factorisations, which are in float64. Included by bits.cpp where its names are known.
#pragma once

constexpr std::ptrdiff_t factor_sizes[] = {1, 3, 7, 8, 9, 15, 16, 17, 33, 65, 100};

inline std::ptrdiff_t strips_of(std::ptrdiff_t n) {
  return (n + fallline::strip_lanes - 1) / fallline::strip_lanes;
}

// The diagonal outweighs the rest, and above it there is nothing but NaNs.
inline void fill_positive_definite(Guarded<double>& A, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    for (std::ptrdiff_t k = 0; k < n; ++k) {
      const double nothing = std::numeric_limits<double>::quiet_NaN();
      A[i * n + k] = k > i ? nothing : k < i ? number<double>(i, k) : 8.5 * double(n);
    }
  }
}

// In panels of 24 columns, so that few rows have all kinds of strips.
inline std::ptrdiff_t factor(Guarded<double>& A, std::ptrdiff_t n, std::ptrdiff_t offset) {
  const fallline::FactorKernels& kernels = fallline::kernels<double>().factor;
  constexpr std::ptrdiff_t width = 24;
  for (std::ptrdiff_t begin = 0; begin < n; begin += width) {
    const std::ptrdiff_t rows = n - begin, columns = rows < width ? rows : width;
    const std::ptrdiff_t first = strips_of(columns), last = strips_of(rows);
    Guarded<double> strips(last * first * fallline::strip_lanes * fallline::strip_lanes, offset);
    const fallline::CholeskyPanel panel{A.data() + begin * (n + 1), n, rows, columns,
                                        strips.data()};
    const std::ptrdiff_t pivot = kernels.factor_diagonal(panel);
    if (pivot >= 0) return begin + pivot;
    kernels.solve_rows(panel, first, last);
    kernels.update_columns(panel, first, last);
    expect_intact(strips);
  }
  return -1;
}

// Whole, and with a bad pivot at every place.
inline void run_cholesky(std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : factor_sizes) {
    for (std::ptrdiff_t bad = -1; bad < n; bad += 1 + n / 8) {
      Guarded<double> A(n * n, offset);
      fill_positive_definite(A, n);
      if (bad >= 0) A[bad * (n + 1)] = bad % 2 ? -1.0 : std::numeric_limits<double>::infinity();
      if (factor(A, n, offset) != bad) fail("cholesky: not the pivot that is bad");
      digest.add(A);
      expect_intact(A);
    }
  }
}

inline void run_solve_triangle(std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : factor_sizes) {
    Guarded<double> L(n * n, offset);
    fill_positive_definite(L, n);
    for (const std::ptrdiff_t n_strips : {1, 2, 5}) {
      Guarded<double> strips(n_strips * n * fallline::strip_lanes, offset);
      fill(strips, Kind::plain, 2);
      for (const bool transposed : {false, true}) {
        fallline::kernels<double>().factor.solve_triangle(
            {L.data(), n, n, strips.data(), n_strips, transposed});
        digest.add(strips);
      }
      expect_intact(strips);
    }
  }
}

// A tile below a triangle: a panel of two thirds of the columns, then what is left of them.
inline void run_householder(std::ptrdiff_t offset, Digest& digest) {
  const fallline::FactorKernels& kernels = fallline::kernels<double>().factor;
  for (const std::ptrdiff_t p : {1, 3, 8, 9, 17}) {
    for (const std::ptrdiff_t n : factor_sizes) {
      Guarded<double> X(n * p, offset), R(p * p, offset), tau(p, offset), squares(p, offset);
      const std::ptrdiff_t stride = fallline::padded_size<double>(n) + 3;
      Guarded<double> columns(p * stride, offset);
      fill(X, Kind::plain, 1);
      fill(R, Kind::plain, 2);
      kernels.unpack_columns(X.data(), p, n, p, columns.data(), stride);
      kernels.column_squares(columns.data(), stride, p, n, squares.data());
      for (const auto& [first, last] : {std::pair{std::ptrdiff_t{0}, 2 * p / 3}, {2 * p / 3, p}}) {
        const fallline::ReflectorPanel panel{columns.data(), stride, n,         R.data(), p, 1,
                                             first,          last,   tau.data()};
        kernels.make_reflections(panel);
        kernels.reflect_columns(panel, last, p);
        for (std::ptrdiff_t j = 0; j < last - first; ++j) digest.add(tau[j]);
      }
      for (Guarded<double>* changed : {&columns, &R, &squares}) {
        digest.add(*changed);
        expect_intact(*changed);
      }
      expect_intact(tau);
    }
  }
}
