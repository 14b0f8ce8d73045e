#include "training/csr_pass.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "training/csr_block.hpp"
#include "training/threads.hpp"

namespace fallline {
namespace {

// Rows between two looks at the user's signals, and whose losses are summed on their own. Blocks
// are cut by row number alone, so that the sums do not depend on the threads.
constexpr std::ptrdiff_t block_rows = 256;

template <class T, class I, class Work>
bool over_blocks(const CsrView<T, I>& X, Interrupt& interrupt, const Work& work) {
  const std::ptrdiff_t blocks = (X.rows + block_rows - 1) / block_rows;
  const auto bytes = static_cast<std::ptrdiff_t>(X.starts[X.rows] - X.starts[0]) *
                     static_cast<std::ptrdiff_t>(sizeof(T) + sizeof(I));
  const int threads = threads_for(bytes, blocks);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < blocks; ++k) {
    if (thread_number() == 0) interrupt.poll();  // only the calling thread may ask for signals
    if (interrupt.stopped()) continue;
    work(k, Rows{nullptr, k * block_rows, std::min((k + 1) * block_rows, X.rows)});
  }
  return !interrupt.stopped();
}

}  // namespace

template <class T, class I>
bool margins(const CsrView<T, I>& X, const T* w, double intercept, T* out, Interrupt& interrupt) {
  const KernelTable<T>& table = kernels<T>();
  return over_blocks(X, interrupt, [&](std::ptrdiff_t, const Rows& positions) {
    CsrRow<T, I> rows[block_rows + rows_ahead] = {};
    const std::ptrdiff_t known = std::min(positions.end + rows_ahead, X.rows);
    for (std::ptrdiff_t i = positions.begin; i < known; ++i) {
      rows[i - positions.begin] = row_of(X, i);
    }
    csr_kernels<I>(table).margins(rows, rows + rows_ahead, positions.end - positions.begin, w, T(1),
                                  static_cast<T>(intercept), out + positions.begin);
  });
}

template <class T, class I> bool loss_sum(const CsrSamples<T, I>& samples, const BoundLoss<T>& loss,
                                          const T* w, double intercept, double& sum,
                                          Interrupt& interrupt) {
  const KernelTable<T>& table = kernels<T>();
  std::vector<double> sums(static_cast<std::size_t>(samples.X.rows / block_rows + 1));
  const bool finished =
      over_blocks(samples.X, interrupt, [&](std::ptrdiff_t k, const Rows& positions) {
        CsrBlock<T, I> block;
        block.gather(samples, positions, samples.X.rows);
        csr_kernels<I>(table).margins(block.rows.data(), block.ahead.data(), block.n_rows(), w,
                                      T(1), static_cast<T>(intercept), block.margins.data());
        Sums of_block;
        block.add_losses(loss, of_block);
        sums[static_cast<std::size_t>(k)] = of_block.loss;
      });
  sum = 0;
  for (const double part : sums) sum += part;
  return finished;
}

template <class I>
std::ptrdiff_t index_out_of_bounds(const I* indices, std::ptrdiff_t n, std::ptrdiff_t columns) {
  using Unsigned = std::make_unsigned_t<I>;  // in which a negative index is a large one
  constexpr std::ptrdiff_t length = 1 << 12;
  for (std::ptrdiff_t begin = 0; begin < n; begin += length) {
    const std::ptrdiff_t end = std::min(begin + length, n);
    Unsigned largest = 0;
    for (std::ptrdiff_t k = begin; k < end; ++k) {
      largest = std::max(largest, static_cast<Unsigned>(indices[k]));
    }
    if (static_cast<std::uint64_t>(largest) < static_cast<std::uint64_t>(columns)) continue;
    for (std::ptrdiff_t k = begin; k < end; ++k) {
      if (indices[k] < 0 || indices[k] >= columns) return k;
    }
  }
  return -1;
}

template bool margins(const CsrView<float, std::int32_t>&, const float*, double, float*,
                      Interrupt&);
template bool margins(const CsrView<float, std::int64_t>&, const float*, double, float*,
                      Interrupt&);
template bool margins(const CsrView<double, std::int32_t>&, const double*, double, double*,
                      Interrupt&);
template bool margins(const CsrView<double, std::int64_t>&, const double*, double, double*,
                      Interrupt&);
template bool loss_sum(const CsrSamples<float, std::int32_t>&, const BoundLoss<float>&,
                       const float*, double, double&, Interrupt&);
template bool loss_sum(const CsrSamples<float, std::int64_t>&, const BoundLoss<float>&,
                       const float*, double, double&, Interrupt&);
template bool loss_sum(const CsrSamples<double, std::int32_t>&, const BoundLoss<double>&,
                       const double*, double, double&, Interrupt&);
template bool loss_sum(const CsrSamples<double, std::int64_t>&, const BoundLoss<double>&,
                       const double*, double, double&, Interrupt&);
template std::ptrdiff_t index_out_of_bounds(const std::int32_t*, std::ptrdiff_t, std::ptrdiff_t);
template std::ptrdiff_t index_out_of_bounds(const std::int64_t*, std::ptrdiff_t, std::ptrdiff_t);

}  // namespace fallline
