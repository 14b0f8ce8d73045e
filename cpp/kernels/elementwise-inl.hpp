// Kernels that take an array element by element: losses of given margins, the vector functions,
// the two that only read, and one that only computes.
#pragma once

template <class Loss> FALLLINE_INLINE Loss loss_with(const double* parameters) {
  if constexpr (Loss::n_parameters == 0) {
    return Loss{};
  } else {
    return Loss(parameters);
  }
}

// The sums are kept in vectors of T: a call has the few rows of a block.
template <class Loss, class T> LossSums residuals(const T* margins, const T* targets,
                                                  const T* sample_weight, T* out, std::ptrdiff_t n,
                                                  const double* parameters) {
  const Loss loss = loss_with<Loss>(parameters);
  static constexpr T ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  vec<T> losses = set(T(0)), derivatives = losses;
  for (std::ptrdiff_t i = 0; i < n; i += vec<T>::size) {
    const std::ptrdiff_t left = n - i;
    const vec<T> z = load_up_to(margins + i, left);
    const vec<T> y = load_up_to(targets + i, left);
    const vec<T> s = load_up_to(sample_weight ? sample_weight + i : ones, left);
    // No branch between the two: the compiler then finds what they have in common, an exponential.
    const vec<T> derivative = s * loss.derivative(z, y);
    losses = fma(s, loss.value(z, y), losses);
    derivatives = derivatives + derivative;
    store_up_to(out + i, left, derivative);
  }
  return {static_cast<double>(sum(losses)), static_cast<double>(sum(derivatives))};
}

struct Value {
  template <class Loss, class V>
  FALLLINE_INLINE V operator()(const Loss& loss, V margin, V target) const {
    return loss.value(margin, target);
  }
};
struct Derivative {
  template <class Loss, class V>
  FALLLINE_INLINE V operator()(const Loss& loss, V margin, V target) const {
    return loss.derivative(margin, target);
  }
};
struct Curvature {
  template <class Loss, class V>
  FALLLINE_INLINE V operator()(const Loss& loss, V margin, V target) const {
    return loss.curvature(margin, target);
  }
};
struct Conjugate {
  template <class Loss, class V>
  FALLLINE_INLINE V operator()(const Loss& loss, V dual, V target) const {
    return loss.conjugate(dual, target);
  }
};

template <class Quantity, class Loss, class T> void of_losses(const T* margins, const T* targets,
                                                              T* out, std::ptrdiff_t n,
                                                              const double* parameters) {
  const Quantity quantity{};
  const Loss loss = loss_with<Loss>(parameters);
  for (std::ptrdiff_t i = 0; i < n; i += vec<T>::size) {
    const std::ptrdiff_t left = n - i;
    store_up_to(out + i, left,
                quantity(loss, load_up_to(margins + i, left), load_up_to(targets + i, left)));
  }
}

template <class Loss> double smoothness(const double* parameters) {
  return loss_with<Loss>(parameters).smoothness();
}

struct Exp {
  static constexpr const char* name = "exp";
  template <class V> FALLLINE_INLINE V operator()(V x) const { return exp(x); }
};
struct ExpOrZero {
  static constexpr const char* name = "exp_or_zero";
  template <class V> FALLLINE_INLINE V operator()(V x) const { return exp_or_zero(x); }
};
struct Log1p {
  static constexpr const char* name = "log1p";
  template <class V> FALLLINE_INLINE V operator()(V x) const { return log1p(x); }
};
struct Log1pFar {
  static constexpr const char* name = "log1p_far";
  template <class V> FALLLINE_INLINE V operator()(V x) const { return log1p_far(x); }
};
struct Log {
  static constexpr const char* name = "log";
  template <class V> FALLLINE_INLINE V operator()(V x) const { return log(x); }
};
struct ExpExcess {
  static constexpr const char* name = "exp_excess";
  template <class V> FALLLINE_INLINE V operator()(V x) const { return exp_excess(x); }
};
struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  template <class V> FALLLINE_INLINE V operator()(V x) const { return sigmoid(x); }
};
using Functions = TypeList<Exp, ExpOrZero, Log1p, Log1pFar, Log, ExpExcess, Sigmoid>;

template <class Function, class T> void apply(const T* x, T* out, std::ptrdiff_t n) {
  const Function function{};
  for (std::ptrdiff_t i = 0; i < n; i += vec<T>::size) {
    store_up_to(out + i, n - i, function(load_up_to(x + i, n - i)));
  }
}

template <class T> double read_sum(const T* x, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  vec<T> a = set(T(0)), b = a, c = a, e = a;
  std::ptrdiff_t i = 0;
  for (; i + 4 * size <= n; i += 4 * size) {
    a = a + load(x + i);
    b = b + load(x + i + size);
    c = c + load(x + i + 2 * size);
    e = e + load(x + i + 3 * size);
  }
  for (; i < n; i += size) a = a + load_up_to(x + i, n - i);
  return static_cast<double>(sum((a + b) + (c + e)));
}

// In float64, where squares of floats neither overflow nor lose digits. Asked for 8 KB ahead floats
// come from memory at 60 instead of 45 GB/s (4 KB: 50, 2 KB: 46).
template <class T> double sum_of_squares(const T* x, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t size = vec<double>::size, ahead = 8192 / sizeof(T);
  vec<double> a = set(0.0), b = a, c = a, e = a;
  std::ptrdiff_t i = 0;
  for (; i + 4 * size <= n; i += 4 * size) {
    for (std::ptrdiff_t k = 0; k < 4 * size; k += vec<T>::size) prefetch(x + i + ahead + k);
    const vec<double> p = load_as<double>(x + i), q = load_as<double>(x + i + size);
    const vec<double> r = load_as<double>(x + i + 2 * size);
    const vec<double> t = load_as<double>(x + i + 3 * size);
    a = fma(p, p, a);
    b = fma(q, q, b);
    c = fma(r, r, c);
    e = fma(t, t, e);
  }
  for (; i < n; i += size) {
    const vec<double> p = load_as<double>(x + i, n - i);
    a = fma(p, p, a);
  }
  return sum((a + b) + (c + e));
}

// The traffic of a step of Adam without its arithmetic: four arrays are read and three written.
template <class T> void in_place(T* w, T* a, T* b, const T* g, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; i += vec<T>::size) {
    const std::ptrdiff_t left = n - i;
    const vec<T> x = load_up_to(g + i, left);
    store_up_to(w + i, left, x + load_up_to(w + i, left));
    store_up_to(a + i, left, x + load_up_to(a + i, left));
    store_up_to(b + i, left, x + load_up_to(b + i, left));
  }
}

// 0 * x is 0 for every finite x and NaN for the others.
template <class T> bool all_finite(const T* x, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const vec<T> zero = set(T(0));
  vec<T> a = zero, b = zero;
  std::ptrdiff_t i = 0;
  for (; i + 2 * size <= n; i += 2 * size) {
    a = a + zero * load(x + i);
    b = b + zero * load(x + i + size);
  }
  for (; i < n; i += size) a = a + zero * load_up_to(x + i, n - i);
  return sum(a + b) == T(0);
}

// n multiplications and additions of whole vectors, in as many chains as fill the pipelines: the
// most that this target computes. x and y as arguments, so that no compiler foresees the result.
template <class T> T fma_chains(T x, T y, std::ptrdiff_t n) {
  vec<T> chains[line_registers];
  for (int k = 0; k < line_registers; ++k) chains[k] = set(static_cast<T>(k));
  for (std::ptrdiff_t i = 0; i < n; i += line_registers) {
    for (int k = 0; k < line_registers; ++k) chains[k] = fma(chains[k], set(x), set(y));
  }
  for (int k = 1; k < line_registers; ++k) chains[0] = chains[0] + chains[k];
  return sum(chains[0]);
}
