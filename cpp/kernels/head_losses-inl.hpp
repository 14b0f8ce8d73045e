// Losses of a block of rows in all heads.
#pragma once

// Targets of one row in the line that begins with head `first`.
template <class T> FALLLINE_INLINE vec<T> targets_of(const HeadSamples<T>& samples,
                                                     std::ptrdiff_t row, std::ptrdiff_t first) {
  if (samples.kind == HeadTargets::shared) return set(samples.targets[row]);
  if (samples.kind == HeadTargets::per_head) {
    return load_up_to(samples.targets + row * samples.n_heads + first, samples.n_heads - first);
  }
  const auto own = static_cast<std::ptrdiff_t>(samples.targets[row]);
  return select_lane(own - first, set(T(1)), set(T(-1)));
}

// Weights of one row there.
template <class T> FALLLINE_INLINE vec<T> weights_of(const HeadSamples<T>& samples,
                                                     std::ptrdiff_t row, std::ptrdiff_t first) {
  const vec<T> weight = set(samples.sample_weight ? samples.sample_weight[row] : T(1));
  if (!samples.folds) return weight;
  const vec<T> distance =
      load(samples.fold_of_heads + first) - set(static_cast<T>(samples.folds[row]));
  return select_negative(abs(distance) - set(T(0.5)), set(T(0)), weight);
}

// A sum of losses that count as much as their sample weight.
template <class Loss, class V> struct WeightedLossSum {
  V total;

  FALLLINE_INLINE WeightedLossSum() : total(constant<V>(0)) {}
  FALLLINE_INLINE void add(const Loss& loss, V margin, V target, V weight) {
    total = total + weight * loss.value(margin, target);
  }
  FALLLINE_INLINE V value() const { return total; }
};

template <bool weighted, class Loss, class T>
FALLLINE_INLINE void line_residuals(const Loss& loss, const HeadBlock<T>& block, T* margins,
                                    std::ptrdiff_t first, const HeadSums& sums) {
  using V = vec<T>;
  const HeadSamples<T> samples = block.samples;  // a copy, that no store may change
  // Summed over a block in the dtype of the data, from there in float64.
  std::conditional_t<weighted, WeightedLossSum<Loss, V>, LossSum<Loss, V>> losses;
  V weight = set(T(0)), slope = weight;
  for (std::ptrdiff_t k = 0; k < block.n_rows; ++k) {
    const V z = load(margins + k * V::size);
    const V y = targets_of(samples, block.rows[k], first);
    const V s = weights_of(samples, block.rows[k], first);
    const V r = s * loss.derivative(z, y);
    store(margins + k * V::size, r);
    losses.add(loss, z, y, s);
    weight = weight + s;
    slope = slope + r;
  }
  add_to(sums.loss + first, losses.value());
  add_to(sums.weight + first, weight);
  add_to(sums.intercept_gradient + first, slope);
}

template <class Loss, class T>
void head_residuals(const HeadBlock<T>& block, const HeadSums& sums, const double* parameters) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  const Loss loss = loss_with<Loss>(parameters);
  T* margins = block.margins;
  for (std::ptrdiff_t first = 0; first < block.samples.n_heads; first += size) {
    if (block.samples.sample_weight) {
      line_residuals<true>(loss, block, margins, first, sums);
    } else {
      line_residuals<false>(loss, block, margins, first, sums);
    }
    margins += head_block_rows * size;
  }
}

// The sum of weights times log(x) over a block.
template <class T> FALLLINE_INLINE double sum_of_logs(const T* x, const T* weights) {
  vec<T> total = set(T(0));
  for (std::ptrdiff_t k = 0; k < head_block_rows; k += vec<T>::size) {
    total = fma(load(weights + k), log(load(x + k)), total);
  }
  return static_cast<double>(sum(total));
}

template <class Loss, class T>
void coupled_residuals(const HeadBlock<T>& block, const HeadSums& sums, const double* parameters) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  constexpr std::ptrdiff_t line_block = head_block_rows * size;
  const Loss loss = loss_with<Loss>(parameters);
  const HeadSamples<T>& samples = block.samples;
  const std::ptrdiff_t n_lines = lines_of<T>(samples.n_heads);
  T totals[head_block_rows], weights[head_block_rows];
  for (std::ptrdiff_t k = 0; k < head_block_rows; ++k) {
    totals[k] = T(1);
    weights[k] = T(0);
  }
  for (std::ptrdiff_t k = 0; k < block.n_rows; ++k) {
    const std::ptrdiff_t row = block.rows[k];
    weights[k] = samples.sample_weight ? samples.sample_weight[row] : T(1);
    const auto target = static_cast<std::ptrdiff_t>(samples.targets[row]);
    const auto of_row = loss.row(block.margins + k * size, n_lines, line_block, target, weights[k]);
    totals[k] = of_row.sum;
    sums.loss[0] += static_cast<double>(weights[k] * of_row.shift);
    sums.weight[0] += static_cast<double>(weights[k]);
  }
  sums.loss[0] += sum_of_logs(totals, weights);
  for (std::ptrdiff_t l = 0; l < n_lines; ++l) {
    vec<T> slope = set(T(0));
    for (std::ptrdiff_t k = 0; k < block.n_rows; ++k) {
      slope = slope + load(block.margins + l * line_block + k * size);
    }
    add_to(sums.intercept_gradient + l * size, slope);
  }
}
