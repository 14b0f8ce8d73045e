// Kernels over rows of a sparse matrix, element by element: with gathered vectors of weights a step
// measured 0.88 to 0.98 of the time on AVX-512, where gathering is as good as it gets. Products are
// rounded before they are added, so that every target has the same bits here.
#pragma once

// Four partial sums, as an addition takes longer than reading the next element.
template <class T, class I> FALLLINE_INLINE T csr_dot(const CsrRow<T, I>& row, const T* w) {
  T a = 0, b = 0, c = 0, e = 0;
  std::ptrdiff_t k = 0;
  for (; k + 4 <= row.n; k += 4) {
    a += row.values[k] * w[row.indices[k]];
    b += row.values[k + 1] * w[row.indices[k + 1]];
    c += row.values[k + 2] * w[row.indices[k + 2]];
    e += row.values[k + 3] * w[row.indices[k + 3]];
  }
  for (; k < row.n; ++k) a += row.values[k] * w[row.indices[k]];
  return (a + b) + (c + e);
}

// out[i] = scale (row i . w) + intercept; ahead[i] is a row that is needed a while later. Without
// its prefetch an epoch in stored order takes 1.3 times as long, and one in random order twice
// (benchmarks/bench_csr.py).
template <class T, class I> void csr_margins(const CsrRow<T, I>* rows, const CsrRow<T, I>* ahead,
                                             std::ptrdiff_t n_rows, const T* w, T scale,
                                             T intercept, T* out) {
  for (std::ptrdiff_t i = 0; i < n_rows; ++i) {
    prefetch(ahead[i]);
    out[i] = scale * csr_dot(rows[i], w) + intercept;
  }
}

// to += sum_i factors[i] row i. Sum is the dtype of the rows or float64.
template <class T, class I, class Sum>
void csr_add(const CsrRow<T, I>* rows, std::ptrdiff_t n_rows, const T* factors, Sum* to) {
  for (std::ptrdiff_t i = 0; i < n_rows; ++i) {
    const CsrRow<T, I> row = rows[i];
    const Sum factor = factors[i];
    for (std::ptrdiff_t k = 0; k < row.n; ++k) {
      to[row.indices[k]] += factor * static_cast<Sum>(row.values[k]);
    }
  }
}

// The proximal step of threshold |w|; the threshold is a difference of long sums, hence in float64.
template <class T> FALLLINE_INLINE T soft_threshold(T w, double threshold) {
  const auto wide = static_cast<double>(w);
  const double cut = wide < -threshold ? -threshold : wide > threshold ? threshold : wide;
  return static_cast<T>(wide - cut);
}

// Takes the thresholds that have come due, `due` in all, off the weights that occur in the rows;
// paid[j] is how much of them has been taken off weight j.
template <class T, class I> void csr_threshold(const CsrRow<T, I>* rows, std::ptrdiff_t n_rows,
                                               double due, double* paid, T* w) {
  for (std::ptrdiff_t i = 0; i < n_rows; ++i) {
    const CsrRow<T, I> row = rows[i];
    for (std::ptrdiff_t k = 0; k < row.n; ++k) {
      const I j = row.indices[k];
      w[j] = soft_threshold(w[j], due - paid[j]);
      paid[j] = due;
    }
  }
}

// out[j] = scale w[j], with the thresholds that have come due taken off first; paid may be null.
template <class T> void scaled_weights(const T* w, std::ptrdiff_t n, double scale, double due,
                                       const double* paid, T* out) {
  for (std::ptrdiff_t j = 0; j < n; ++j) {
    const T settled = paid ? soft_threshold(w[j], due - paid[j]) : w[j];
    out[j] = static_cast<T>(scale * static_cast<double>(settled));
  }
}
