// The rows of one round of margins -> residuals -> gradient: where they lie, their targets and
// weights; and what is asked of memory meanwhile.
#pragma once

constexpr std::ptrdiff_t max_block_rows = 64;

// From the beginning of a block to what is asked of memory meanwhile; 8 and 16 KB measured slower.
constexpr std::ptrdiff_t bytes_ahead = 12 * 1024;

FALLLINE_INLINE std::ptrdiff_t smaller(std::ptrdiff_t a, std::ptrdiff_t b) { return a < b ? a : b; }

// The same in rows, where they come in an order.
FALLLINE_INLINE std::ptrdiff_t rows_in_bytes_ahead(std::ptrdiff_t row_bytes) {
  return smaller(bytes_ahead / (row_bytes + 1) + 1, max_rows_ahead);
}

// The row at a position that may lie beyond what is known.
FALLLINE_INLINE std::ptrdiff_t row_ahead(const Rows& rows, std::ptrdiff_t position) {
  return rows.order[smaller(position, rows.known - 1)];
}

// Where the rows of a block lie, and what is asked of memory while the processor computes. Its own
// prefetchers pause whenever a block is read again from the cache; asking all the time, half during
// the margins and half during the gradient, keeps memory busy: 34 -> 90 % of the read bandwidth at
// d = 100, 64 -> 84 % at d = 784 (float32, batch 64, AVX-512 on Zen 5, bench_epoch.py).
//
// Side by side: one stream, read on from `next`.
template <class T> struct Stored {
  const T* first;
  std::ptrdiff_t stride;
  const char* next;  // null: nothing is asked for

  FALLLINE_INLINE const T* operator[](std::ptrdiff_t k) const { return first + k * stride; }

  template <int half>
  FALLLINE_INLINE void bring_rows(std::ptrdiff_t, std::ptrdiff_t n_rows, std::ptrdiff_t row_bytes) {
    bring(n_rows * row_bytes / 2);
  }
  template <int group>
  FALLLINE_INLINE void bring_lines(std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t) {
    bring(group * 64 / 2);
  }

 private:
  FALLLINE_INLINE void bring(std::ptrdiff_t bytes) {
    if (!next) return;
    for (const char* end = next + bytes; next < end; next += 64) prefetch(next);
  }
};

// Anywhere: every row asks for the one, its target and its weight that come some positions later.
// Asking for what follows in memory instead, 1 KB on, missed targets and the beginnings of blocks:
// in the order of blocks it took 1.3 times as long at d = 30 and 100, on a permutation, which could
// not ask at all, 1.5 to 2 times (float32, batch 64, AVX-512 on Zen 5, benchmarks/table.py).
template <class T> struct Listed {
  const T* rows[max_block_rows];
  const T* later[max_block_rows];

  FALLLINE_INLINE const T* operator[](std::ptrdiff_t k) const { return rows[k]; }

  template <int half> FALLLINE_INLINE void bring_rows(std::ptrdiff_t begin, std::ptrdiff_t n_rows,
                                                      std::ptrdiff_t row_bytes) {
    const std::ptrdiff_t middle = (row_bytes + 127) / 128 * 64;
    const std::ptrdiff_t from = half == 0 ? 0 : middle, to = half == 0 ? middle : row_bytes;
    for (std::ptrdiff_t k = begin; k < begin + n_rows; ++k) {
      const char* p = reinterpret_cast<const char*>(later[k]);
      for (std::ptrdiff_t i = from; i < to; i += 64) prefetch(p + i);
      if (half == 0) prefetch(p + row_bytes - 1);
    }
  }
  template <int group>
  FALLLINE_INLINE void bring_lines(std::ptrdiff_t begin, std::ptrdiff_t i, std::ptrdiff_t n) {
    if (2 * i < n) return;
    for (int k = 0; k < group; ++k) prefetch(later[begin + k] + i);
  }
};

template <class T> struct Block {
  Stored<T> stored;  // where there is no order
  Listed<T> listed;  // where there is one
  const T* targets;
  const T* sample_weight;  // null: 1 each
  bool over;               // whether `reach` elements may be read from the beginning of every row

  FALLLINE_INLINE void gather(const Samples<T>& samples, const Rows& at, std::ptrdiff_t begin,
                              std::ptrdiff_t n_rows, std::ptrdiff_t reach, std::ptrdiff_t ahead) {
    const MatrixView<T>& X = samples.X;
    const std::ptrdiff_t highest = X.stride > 0 ? (X.rows - 1) * X.stride : 0;
    const T* safe = X.data + highest + X.columns - reach;
    if (!at.order) {
      stored.first = X.data + begin * X.stride;
      stored.stride = X.stride;
      // Behind the last row, as of the few that a window holds, nothing is worth asking for.
      const char* next = reinterpret_cast<const char*>(stored.first) + bytes_ahead;
      stored.next =
          next < reinterpret_cast<const char*>(X.data + X.rows * X.stride) ? next : nullptr;
      over = stored[0] <= safe && stored[n_rows - 1] <= safe;
      targets = samples.targets + begin;
      sample_weight = samples.sample_weight ? samples.sample_weight + begin : nullptr;
      return;
    }
    over = true;
    for (std::ptrdiff_t k = 0; k < n_rows; ++k) {
      const std::ptrdiff_t next = row_ahead(at, begin + k + ahead);
      listed.later[k] = X.data + next * X.stride;
      prefetch(samples.targets + next);
      if (samples.sample_weight) prefetch(samples.sample_weight + next);
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
