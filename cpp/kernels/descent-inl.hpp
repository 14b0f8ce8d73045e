// One-example gradient descent over dense rows, fused: margin, loss and the step straight into the
// weights, row after row. Through the kernels for mini-batches a row took 2 to 4 times as long
// (d = 784 to 30, AVX-512 on Zen 5, bench_epoch.py, batch 1).
#pragma once

// Rows of at most so many lines look ahead: what a row waits for is the residual of the one before,
// by way of the weights. From weights that lack this last step the margin is
//
//   x . (w - step last) = x . w - step (x . last),
//
// whose two products are ready when the step is. This takes 0.65 to 0.8 of the time. Longer rows
// keep the processor busy without it, and from memory it would cost them 1.2 times as much.
constexpr std::ptrdiff_t look_ahead_lines = 10;

template <bool decays, class T>
FALLLINE_INLINE vec<T> stepped(vec<T> w, vec<T> x, vec<T> step, vec<T> decay) {
  // Not (1 - decay) w: in float32 a small decay would be lost in that difference.
  if constexpr (decays) return w - fma(step, x, decay * w);
  return fnma(step, x, w);
}

// The step of one row, kept from one row to the next in a vector: through memory it would come
// late.
template <bool decays, class T> struct RowStep {
  const T* x = nullptr;  // null: no step
  vec<T> derivative, step, decay;
  double factor, shrinkage;

  RowStep() = default;
  FALLLINE_INLINE RowStep(const T* row, vec<T> derivative_, double factor_, double shrinkage_)
      : x(row),
        derivative(derivative_),
        step(constant<vec<T>>(factor_) * derivative_),
        decay(constant<vec<T>>(shrinkage_)),
        factor(factor_),
        shrinkage(shrinkage_) {}

  FALLLINE_INLINE void line(T* w, std::ptrdiff_t i, std::ptrdiff_t left) const {
    store(w + i, stepped<decays>(load(w + i), load_up_to(x + i, left), step, decay));
  }
  FALLLINE_INLINE double stepped_intercept(double b) const {
    const auto slope = static_cast<double>(first(derivative));
    return first(fnma(set(factor), set(slope), set(b)));
  }
  FALLLINE_INLINE void make(const Descent<T>& task, double& intercept) {
    constexpr std::ptrdiff_t size = vec<T>::size;
    const std::ptrdiff_t n = task.samples.X.columns;
    std::ptrdiff_t i = 0;
    for (; i + size <= n; i += size) line(task.w, i, size);
    if (i < n) line(task.w, i, n - i);
    if (task.fit_intercept) intercept = stepped_intercept(intercept);
    x = nullptr;
  }
};

// The products of a row with the weights before a step and with the row of that step, which is made
// on the way.
template <bool decays, class T> struct LookAhead {
  const RowStep<decays, T>& last;
  const T* x;
  T* w;
  vec<T> with_w[2], with_last[2];

  FALLLINE_INLINE LookAhead(const RowStep<decays, T>& step, const T* row, T* weights)
      : last(step), x(row), w(weights) {
    for (int k = 0; k < 2; ++k) with_w[k] = with_last[k] = set(T(0));
  }

  template <int k> FALLLINE_INLINE void line(std::ptrdiff_t i, std::ptrdiff_t left) {
    const vec<T> row = load_up_to(x + i, left), before = load_up_to(last.x + i, left);
    const vec<T> weights = load(w + i);
    with_w[k] = fma(row, weights, with_w[k]);
    with_last[k] = fma(row, before, with_last[k]);
    store(w + i, stepped<decays>(weights, before, last.step, last.decay));
  }

  // The margin after the step, which moves an intercept as if it were the weight of ones.
  FALLLINE_INLINE vec<T> margin(std::ptrdiff_t n, T intercept, T one) {
    constexpr std::ptrdiff_t size = vec<T>::size;
    std::ptrdiff_t i = 0;
    for (; i + 2 * size <= n; i += 2 * size) {
      line<0>(i, size);
      line<1>(i + size, size);
    }
    if (i + size <= n) {
      line<0>(i, size);
      i += size;
    }
    if (i < n) line<1>(i, n - i);
    vec<T> before = set(sum(with_w[0] + with_w[1]));
    if constexpr (decays) before = fnma(last.decay, before, before);
    const vec<T> change = set(sum(with_last[0] + with_last[1]) + one);
    return fnma(last.step, change, before + set(intercept));
  }
};

template <class T>
FALLLINE_INLINE vec<T> margin_of(const T* x, const T* w, std::ptrdiff_t n, double intercept) {
  return set(sum(partial_dot(x, w, n)) + static_cast<T>(intercept));
}

// Asks memory for what comes after row x at position k, as Block does, which says why.
template <class T> FALLLINE_INLINE void bring_after(const MatrixView<T>& X, const Rows& rows,
                                                    std::ptrdiff_t k, const T* x, const T* targets,
                                                    std::ptrdiff_t ahead) {
  const std::ptrdiff_t row_bytes = X.columns * static_cast<std::ptrdiff_t>(sizeof(T));
  const char* p = reinterpret_cast<const char*>(x) + bytes_ahead;
  if (rows.order) {
    const std::ptrdiff_t row = row_ahead(rows, k + ahead);
    p = reinterpret_cast<const char*>(X.data + row * X.stride);
    prefetch(p + row_bytes - 1);
    prefetch(targets + row);
  }
  for (std::ptrdiff_t i = 0; i < row_bytes; i += 64) prefetch(p + i);
}

template <class Loss, bool decays, bool looks_ahead, class T>
FALLLINE_INLINE std::ptrdiff_t descent_of(const Descent<T>& task, Sums& sums) {
  const Loss loss = loss_with<Loss>(task.loss_parameters);
  const MatrixView<T>& X = task.samples.X;
  const std::ptrdiff_t n = X.columns;
  const Rows& rows = task.rows;
  const std::ptrdiff_t ahead_rows = rows_in_bytes_ahead(n * static_cast<std::ptrdiff_t>(sizeof(T)));
  const T one = task.fit_intercept ? T(1) : T(0);
  double intercept = *task.intercept;
  RowStep<decays, T> last;
  if (task.last->row) {
    last = {task.last->row, set(task.last->derivative), task.last->factor, task.last->decay};
  }
  std::ptrdiff_t k = rows.begin;
  for (; k < rows.end; ++k) {
    const std::ptrdiff_t row = rows.order ? rows.order[k] : k;
    const T* x = X.data + row * X.stride;
    bring_after(X, rows, k, x, task.samples.targets, ahead_rows);
    const vec<T> y = set(task.samples.targets[row]);
    const T s = task.samples.sample_weight ? task.samples.sample_weight[row] : T(1);
    const bool ahead = looks_ahead && last.x;
    vec<T> z;
    if (ahead) {
      z = LookAhead<decays, T>(last, x, task.w).margin(n, static_cast<T>(intercept), one);
      if (task.fit_intercept) intercept = last.stepped_intercept(intercept);
      last.x = nullptr;
    } else {
      z = margin_of(x, task.w, n, intercept);
    }
    vec<T> derivative = loss.derivative(z, y);
    T value = s * first(loss.value(z, y));
    if (ahead && !__builtin_isfinite(value)) {  // perhaps only x . last was too large
      z = margin_of(x, task.w, n, intercept);
      derivative = loss.derivative(z, y);
      value = s * first(loss.value(z, y));
    }
    sums.loss += static_cast<double>(value);
    sums.weight += static_cast<double>(s);
    if (!__builtin_isfinite(value)) break;
    const double rate = task.learning_rates[k - rows.begin];
    last = {x, derivative, rate * task.gradient_scale * static_cast<double>(s), rate * task.decay};
    if constexpr (!looks_ahead) last.make(task, intercept);
  }
  if (task.settles && last.x) last.make(task, intercept);
  *task.last = {};
  if (last.x) *task.last = {last.x, first(last.derivative), last.factor, last.shrinkage};
  *task.intercept = intercept;
  return k - rows.begin;
}

template <class Loss, class T> std::ptrdiff_t descent(const Descent<T>& task, Sums& sums) {
  const bool looks_ahead = task.samples.X.columns <= look_ahead_lines * vec<T>::size;
  if (task.decay == 0) {
    return looks_ahead ? descent_of<Loss, false, true>(task, sums)
                       : descent_of<Loss, false, false>(task, sums);
  }
  return looks_ahead ? descent_of<Loss, true, true>(task, sums)
                     : descent_of<Loss, true, false>(task, sums);
}
