// What standardised columns take: sums for their means and deviations, and the algebra that puts
// both into weights and gradient instead of into a copy of the data.
#pragma once

// sums += sum_k s[k] (x[k] - center) and squares += sum_k s[k] (x[k] - center)^2, column by column.
// A row joins after the one before it, so that the bits do not depend on how many come at a time.
// Four rows at once would halve the loads of the sums and make four streams of one from memory:
// half as fast at d = 100. The arrays hold whole vectors.
template <class T> void centered_sums(const MatrixView<T>& X, const T* sample_weight,
                                      const double* center, double* sums, double* squares) {
  for (std::ptrdiff_t k = 0; k < X.rows; ++k) {
    const T* row = X.data + k * X.stride;
    const vec<double> s = set(sample_weight ? static_cast<double>(sample_weight[k]) : 1.0);
    for (std::ptrdiff_t i = 0; i < X.columns; i += vec<double>::size) {
      const vec<double> x = load_as<double>(row + i, X.columns - i) - load(center + i);
      store(sums + i, fma(s, x, load(sums + i)));
      store(squares + i, fma(s * x, x, load(squares + i)));
    }
  }
}

// Weights of the columns as they are from those of standardised ones, v = w * inverse_scale, and
// what v takes from the intercept: sum(v * mean). All arrays are padded with zeros.
template <class T>
T fold(const T* w, const T* mean, const T* inverse_scale, T* v, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  vec<T> even = set(T(0)), odd = even;
  for (std::ptrdiff_t i = 0; i < n; i += size) {
    const vec<T> x = load(w + i) * load(inverse_scale + i);
    store(v + i, x);
    const vec<T> next = fma(x, load(mean + i), odd);
    odd = even;
    even = next;
  }
  return sum(even + odd);
}

// The gradient by the weights of standardised columns from that by v: its mean share off, scaled.
template <class T> void unfold(const T* mean, const T* inverse_scale, T intercept_gradient,
                               T* gradient, std::ptrdiff_t n) {
  const vec<T> r = set(intercept_gradient);
  for (std::ptrdiff_t i = 0; i < n; i += vec<T>::size) {
    store(gradient + i, fnma(r, load(mean + i), load(gradient + i)) * load(inverse_scale + i));
  }
}
