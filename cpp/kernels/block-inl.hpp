// The rows of one round of margins -> residuals -> gradient: where they lie, their targets and
// weights; and what is asked of memory meanwhile.
#pragma once

constexpr std::ptrdiff_t max_block_rows = 64;

// Rows side by side, or anywhere.
template <class T> struct Stored {
  const T* first;
  std::ptrdiff_t stride;
  FALLLINE_INLINE const T* operator[](std::ptrdiff_t k) const { return first + k * stride; }
};
template <class T> struct Listed {
  const T* rows[max_block_rows];
  FALLLINE_INLINE const T* operator[](std::ptrdiff_t k) const { return rows[k]; }
};

template <class T> struct Block {
  Stored<T> stored;  // where there is no order
  Listed<T> listed;  // where there is one
  const T* targets;
  const T* sample_weight;  // null: 1 each
  bool over;               // whether `reach` elements may be read from the beginning of every row

  FALLLINE_INLINE void gather(const Samples<T>& samples, const Rows& at, std::ptrdiff_t begin,
                              std::ptrdiff_t n_rows, std::ptrdiff_t reach) {
    const MatrixView<T>& X = samples.X;
    const std::ptrdiff_t highest = X.stride > 0 ? (X.rows - 1) * X.stride : 0;
    const T* safe = X.data + highest + X.columns - reach;
    if (!at.order) {
      stored = {X.data + begin * X.stride, X.stride};
      over = stored[0] <= safe && stored[n_rows - 1] <= safe;
      targets = samples.targets + begin;
      sample_weight = samples.sample_weight ? samples.sample_weight + begin : nullptr;
      return;
    }
    over = true;
    for (std::ptrdiff_t k = 0; k < n_rows; ++k) {
      const std::ptrdiff_t row = at.order[begin + k];
      listed.rows[k] = X.data + row * X.stride;
      over = over && listed.rows[k] <= safe;
      gathered_targets[k] = samples.targets[row];
      if (samples.sample_weight) gathered_weights[k] = samples.sample_weight[row];
    }
    targets = gathered_targets;
    sample_weight = samples.sample_weight ? gathered_weights : nullptr;
  }

 private:
  T gathered_targets[max_block_rows];
  T gathered_weights[max_block_rows];
};

// Lines that are asked for while the processor computes. Its own prefetchers pause whenever a block
// is read again from the cache; asking all the time, half during the margins and half during the
// gradient, keeps memory busy: 34 -> 90 % of the read bandwidth at d = 100, 64 -> 84 % at d = 784
// (float32, batch 64, AVX-512 on Zen 5, bench_epoch.py).
struct Stream {
  static constexpr std::ptrdiff_t distance = 12 * 1024;  // bytes, from the beginning of a block

  const char* next;  // null: nothing is asked for

  FALLLINE_INLINE void bring(std::ptrdiff_t bytes) {
    if (!next) return;
    for (const char* end = next + bytes; next < end; next += 64) prefetch_soon(next);
  }
};

// Asks for a row that is needed one window later.
template <class T> FALLLINE_INLINE void bring_row(const Samples<T>& samples, std::int64_t row) {
  const auto* first = reinterpret_cast<const char*>(samples.X.data + row * samples.X.stride);
  const std::ptrdiff_t bytes = samples.X.columns * static_cast<std::ptrdiff_t>(sizeof(T));
  for (std::ptrdiff_t i = 0; i < bytes; i += 64) prefetch_later(first + i);
  prefetch_later(first + bytes - 1);
  prefetch_later(samples.targets + row);
}
