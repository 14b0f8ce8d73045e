// Kernels over rows of a sparse matrix. Weights are loaded one by one and multiplied in quads: an
// epoch takes 0.7 to 0.8 of the time that it takes element by element, and the instructions of
// AVX-512 that gather and scatter took 1.1 and 1.7 times as long as quads. Products are rounded
// before they are added, so that every target has the same bits here.
#pragma once

template <class T, class I> FALLLINE_INLINE T csr_dot(const CsrRow<T, I>& row, const T* w) {
  quad<T> sums{};
  std::ptrdiff_t k = 0;
  for (; k + 4 <= row.n; k += 4) {
    sums += load_quad(row.values + k) * gather_quad(w, row.indices + k);
  }
  T rest = sums[0];
  for (; k < row.n; ++k) rest += row.values[k] * w[row.indices[k]];
  return (rest + sums[1]) + (sums[2] + sums[3]);
}

// out[i] = scale (row i . w) + intercept; ahead[i] is a row that is needed a while later. Without
// its prefetch an epoch in stored order takes 1.5 times as long, and one in random order twice
// (benchmarks/bench_csr.py).
template <class T, class I> void csr_margins(const CsrRow<T, I>* rows, const CsrRow<T, I>* ahead,
                                             std::ptrdiff_t n_rows, const T* w, T scale,
                                             T intercept, T* out) {
  for (std::ptrdiff_t i = 0; i < n_rows; ++i) {
    prefetch(ahead[i]);
    out[i] = scale * csr_dot(rows[i], w) + intercept;
  }
}

// to += factor row. Sum is the dtype of the rows or float64.
template <class T, class I, class Sum>
FALLLINE_INLINE void csr_add_row(const CsrRow<T, I>& row, Sum factor, Sum* to) {
  std::ptrdiff_t k = 0;
  for (; k + 4 <= row.n; k += 4) {
    const quad<T> values = load_quad(row.values + k);
    add_lanes(to, row.indices + k, factor * __builtin_convertvector(values, quad<Sum>));
  }
  for (; k < row.n; ++k) to[row.indices[k]] += factor * static_cast<Sum>(row.values[k]);
}

// to += sum_i factors[i] row i
template <class T, class I, class Sum>
void csr_add(const CsrRow<T, I>* rows, std::ptrdiff_t n_rows, const T* factors, Sum* to) {
  for (std::ptrdiff_t i = 0; i < n_rows; ++i) {
    csr_add_row(rows[i], static_cast<Sum>(factors[i]), to);
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
