#include "training/order.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/random.hpp"

namespace fallline {
namespace {

// Rows per block follow from the number of columns alone, as if they were float32: every dtype
// sees one order.
std::ptrdiff_t rows_per_block(std::ptrdiff_t n_features) {
  constexpr std::ptrdiff_t block_bytes = 128 * 1024;
  return std::max<std::ptrdiff_t>(block_bytes / (4 * std::max<std::ptrdiff_t>(n_features, 1)), 1);
}

// Fisher and Yates.
bool permute(std::int64_t* first, std::ptrdiff_t n, RandomStream random, Interrupt& interrupt) {
  constexpr std::ptrdiff_t swaps = 1 << 16;  // between two looks at the user's signals
  for (std::ptrdiff_t i = n - 1; i > 0; --i) {
    if (i % swaps == 0) interrupt.poll();
    if (interrupt.stopped()) return false;
    std::swap(first[i], first[random.below(static_cast<std::uint64_t>(i) + 1)]);
  }
  return true;
}

}  // namespace

bool fill_order(std::vector<std::int64_t>& order, Shuffle shuffle, std::ptrdiff_t n_samples,
                std::ptrdiff_t n_features, std::uint64_t seed, std::uint32_t epoch,
                Interrupt& interrupt) {
  order.clear();
  if (shuffle == Shuffle::stored) return true;
  order.resize(static_cast<std::size_t>(n_samples));
  if (shuffle == Shuffle::rows) {
    std::iota(order.begin(), order.end(), 0);
    return permute(order.data(), n_samples, RandomStream(seed, epoch, 0), interrupt);
  }
  const std::ptrdiff_t length = rows_per_block(n_features);
  std::vector<std::int64_t> blocks(static_cast<std::size_t>((n_samples + length - 1) / length));
  std::iota(blocks.begin(), blocks.end(), 0);
  const auto n_blocks = static_cast<std::ptrdiff_t>(blocks.size());
  if (!permute(blocks.data(), n_blocks, RandomStream(seed, epoch, 0), interrupt)) return false;
  std::int64_t* to = order.data();
  for (const std::int64_t block : blocks) {
    const std::int64_t begin = block * length;
    const std::int64_t rows = std::min<std::int64_t>(length, n_samples - begin);
    std::iota(to, to + rows, begin);
    const RandomStream random(seed, epoch, static_cast<std::uint64_t>(block) + 1);
    if (!permute(to, rows, random, interrupt)) return false;
    interrupt.poll();
    to += rows;
  }
  return true;
}

}  // namespace fallline
