// One-example gradient descent over sparse rows, fused: the next margin waits for this residual,
// and calls between them made an epoch take 1.2 times as long (benchmarks/bench_csr.py, batch 1).
// To the bit what the kernels for mini-batches do with one row, which take over where the scale is
// not safe.
#pragma once

template <class Loss, class T, class I>
std::ptrdiff_t csr_descent(const CsrDescent<T, I>& task, Sums& sums) {
  const Loss loss = loss_with<Loss>(task.loss_parameters);
  double scale = *task.scale, intercept = *task.intercept;
  std::ptrdiff_t i = 0;
  for (; i < task.n_rows; ++i) {
    prefetch(task.ahead[i]);
    const T margin = static_cast<T>(scale) * csr_dot(task.rows[i], task.w);
    const vec<T> z = set(margin + static_cast<T>(intercept));
    const vec<T> y = set(task.targets[i]), s = set(task.sample_weight[i]);
    const T residual = first(s * loss.derivative(z, y));
    const T value = first(s * loss.value(z, y));
    sums.loss += static_cast<double>(value);
    sums.weight += static_cast<double>(task.sample_weight[i]);
    if (!__builtin_isfinite(value)) break;
    const double rate = task.learning_rates[i];
    scale *= 1 - rate * task.decay;
    const double factor = -rate * task.gradient_scale / scale;
    const T step = static_cast<T>(factor * static_cast<double>(residual));
    csr_add_row(task.rows[i], step, task.w);
    if (task.fit_intercept) {
      const double gradient = task.gradient_scale * static_cast<double>(residual);
      intercept = first(fnma(set(rate), set(gradient), set(intercept)));
    }
  }
  *task.scale = scale;
  *task.intercept = intercept;
  return i;
}
