// Kernels over sparse rows. Included by bits.cpp where its names are known.
#pragma once

// Rows of 0 to 18 elements, in 33 columns; what belongs to weights or rows may end anywhere.
template <class T, class I> struct SparseRows {
  static constexpr std::ptrdiff_t n_rows = 19, columns = 33, n_elements = 171;
  Guarded<T> values, targets, weights, factors, w;
  Guarded<I> indices;
  std::vector<fallline::CsrRow<T, I>> rows;

  explicit SparseRows(std::ptrdiff_t offset)
      : values(n_elements, offset),
        targets(n_rows, offset),
        weights(n_rows, offset),
        factors(n_rows, offset),
        w(columns, offset),
        indices(n_elements, offset) {
    fill(values, Kind::plain, 1);
    fill(targets, Kind::sign, 2);
    fill(weights, Kind::positive, 3);
    fill(factors, Kind::plain, 4);
    fill(w, Kind::plain, 5);
    for (std::ptrdiff_t k = 0, begin = 0; k < n_rows; begin += k++) {
      rows.push_back({values.data() + begin, indices.data() + begin, k});
      for (std::ptrdiff_t i = 0; i < k; ++i) {
        indices[begin + i] = static_cast<I>((k + 7 * i) % columns);
      }
    }
  }
};

template <class T, class I>
void run_csr(const fallline::CsrKernels<T, I>& csr, std::ptrdiff_t offset, Digest& digest) {
  const auto& [margins, add, add_wide, threshold] = csr;
  SparseRows<T, I> p(offset);
  constexpr std::ptrdiff_t n = SparseRows<T, I>::n_rows, columns = SparseRows<T, I>::columns;
  Guarded<T> out(n, offset);
  margins(p.rows.data(), p.rows.data(), n, p.w.data(), T(0.75), T(0.125), out.data());
  add(p.rows.data(), n, p.factors.data(), p.w.data());
  Guarded<double> wide(columns, offset), paid(columns, offset);
  fill(wide, Kind::plain, 6);
  fill(paid, Kind::positive, 7);
  add_wide(p.rows.data(), n, p.factors.data(), wide.data());
  threshold(p.rows.data(), n, 2.5, paid.data(), p.w.data());
  digest.add(out);
  digest.add(p.w);
  digest.add(wide);
  digest.add(paid);
  expect_intact(out);
  expect_intact(p.w);
  expect_intact(wide);
  expect_intact(paid);
}

template <class T, class I>
void run_csr_descent(fallline::CsrDescend<T, I> descend, std::ptrdiff_t offset, Digest& digest) {
  SparseRows<T, I> p(offset);
  constexpr std::ptrdiff_t n = SparseRows<T, I>::n_rows;
  std::vector<double> rates(static_cast<std::size_t>(n), 0.03125);
  double scale = 1, intercept = 0.25;
  fallline::Sums sums;
  digest.add(static_cast<double>(
      descend({p.rows.data(), p.rows.data(), n, p.targets.data(), p.weights.data(), rates.data(),
               0.5, 0.25, parameters.data(), true, p.w.data(), &scale, &intercept},
              sums)));
  digest.add(p.w);
  digest.add(scale);
  digest.add(intercept);
  digest.add(sums.loss);
  expect_intact(p.w);
}

template <class T> void run_scaled_weights(std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : lengths) {
    Guarded<T> w(n, offset), out(n, offset);
    Guarded<double> paid(n, offset);
    fill(w, Kind::plain, 1);
    fill(paid, Kind::positive, 2);
    for (const double* due :
         {static_cast<const double*>(nullptr), static_cast<const double*>(paid.data())}) {
      fallline::kernels<T>().scaled_weights(w.data(), n, 0.75, 3.5, due, out.data());
      digest.add(out);
      expect_intact(out);
    }
  }
}
