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

// The margins of as many rows as a vector has lanes: a vector of each class, where the squares of a
// block's lines have been transposed.
template <class T> struct ClassVectors {
  T* first;
  FALLLINE_INLINE T* operator[](std::ptrdiff_t k) const {
    constexpr std::ptrdiff_t size = vec<T>::size;
    return first + k / size * (head_block_rows * size) + k % size * size;
  }
};

template <class T> FALLLINE_INLINE void transpose_square(T* square) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  vec<T> x[size];
  for (std::ptrdiff_t k = 0; k < size; ++k) x[k] = load(square + k * size);
  transpose(x);
  for (std::ptrdiff_t k = 0; k < size; ++k) store(square + k * size, x[k]);
}

// Lanes are rows here: nothing is added across lanes, and ten classes take ten exponentials for
// sixteen rows instead of sixteen. For all the transposing, an epoch of ten classes at d = 10 took
// 10 instead of 15 ns per row (float32, AVX-512; benchmarks/bench_heads.py).
template <class Loss, class T>
void coupled_residuals(const HeadBlock<T>& block, const HeadSums& sums, const double* parameters) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  constexpr std::ptrdiff_t line_block = head_block_rows * size;
  const Loss loss = loss_with<Loss>(parameters);
  const HeadSamples<T> samples = block.samples;  // a copy, that no store may change
  const std::ptrdiff_t n_lines = lines_of<T>(samples.n_heads);
  for (std::ptrdiff_t begin = 0; begin < block.n_rows; begin += size) {
    const std::ptrdiff_t left = block.n_rows - begin;
    T targets[size], weights[size];
    for (std::ptrdiff_t k = 0; k < size; ++k) {  // past the last row weights are 0
      const std::ptrdiff_t row = block.rows[begin + (k < left ? k : 0)];
      targets[k] = samples.targets[row];
      weights[k] = k >= left ? T(0) : samples.sample_weight ? samples.sample_weight[row] : T(1);
    }
    const ClassVectors<T> classes{block.margins + begin * size};
    for (std::ptrdiff_t l = 0; l < n_lines; ++l) {
      T* const square = classes[l * size];
      for (std::ptrdiff_t k = left; k < size; ++k) store(square + k * size, set(T(0)));
      transpose_square(square);
    }
    const vec<T> weight = load(weights);
    const vec<T> losses = loss.rows(classes, samples.n_heads, load(targets), weight);
    sums.loss[0] += static_cast<double>(sum(weight * losses));
    sums.weight[0] += static_cast<double>(sum(weight));
    for (std::ptrdiff_t k = samples.n_heads; k < n_lines * size; ++k) {
      store(classes[k], set(T(0)));
    }
    for (std::ptrdiff_t l = 0; l < n_lines; ++l) {
      T* const square = classes[l * size];
      transpose_square(square);
      vec<T> slope = set(T(0));
      for (std::ptrdiff_t k = 0; k < size; ++k) slope = slope + load(square + k * size);
      add_to(sums.intercept_gradient + l * size, slope);
    }
  }
}
