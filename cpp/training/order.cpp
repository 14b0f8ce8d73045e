#include "training/order.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/random.hpp"

namespace fallline {
namespace {

// Measured (benchmarks/table.py): with 8 streams and runs of 512 bytes an epoch takes 1.3 to 1.8
// times as long as in stored order, with 16 streams up to 2.3; two levels of random blocks, whose
// rows were fetched one by one from a window in the cache, took 2.0 to 3.9. Sizes are as if the
// data were float32, so that every dtype sees one order.
constexpr std::ptrdiff_t block_bytes = 64 * 1024;
constexpr std::ptrdiff_t run_bytes = 512;
constexpr std::ptrdiff_t fewest_blocks = 4;  // of a region; smaller data fit a cache

// Longer rows are as if they had so many features. Sparse ones are short however many there are:
// with 16 rows of 75 elements to a block an epoch takes two thirds of what it takes with one
// (benchmarks/peers_csr.py). Dense ones are long strokes in any order.
constexpr std::ptrdiff_t most_features = 1024;

constexpr std::ptrdiff_t rows_at_once = 4096;

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

Order::Order(Shuffle shuffle, std::ptrdiff_t n_samples, std::ptrdiff_t n_features,
             std::uint64_t seed)
    : shuffle_(shuffle), n_samples_(n_samples), seed_(seed) {
  const std::ptrdiff_t row_bytes = 4 * std::clamp<std::ptrdiff_t>(n_features, 1, most_features);
  run_rows_ = std::max<std::ptrdiff_t>(run_bytes / row_bytes, 1);
  block_rows_ = std::max<std::ptrdiff_t>(block_bytes / row_bytes / run_rows_, 1) * run_rows_;
  if (shuffle == Shuffle::blocks && n_samples < n_streams * fewest_blocks * block_rows_) {
    shuffle_ = Shuffle::rows;
  }
}

bool Order::take(std::int64_t epoch, std::ptrdiff_t begin, std::ptrdiff_t end, std::ptrdiff_t limit,
                 Rows& rows, Interrupt& interrupt) {
  if (shuffle_ == Shuffle::stored) {
    rows = {nullptr, begin, limit};
    return true;
  }
  if (epoch != epoch_ || begin < begin_) {
    epoch_ = -1;
    if (!start(epoch, interrupt)) return false;
    epoch_ = epoch;
  }
  const auto held = [this] { return begin_ + static_cast<std::ptrdiff_t>(order_.size()); };
  while (held() < end) {
    if (begin > begin_) {  // what is left moves to the front
      const std::ptrdiff_t passed = std::min(begin, held()) - begin_;
      order_.erase(order_.begin(), order_.begin() + passed);
      begin_ += passed;
    }
    const std::ptrdiff_t enough = std::min(held() + rows_at_once, n_samples_);
    while (held() < enough) append_round();
    interrupt.poll();
    if (interrupt.stopped()) return false;
  }
  rows = {order_.data(), begin - begin_, std::min(limit, held()) - begin_,
          shuffle_ == Shuffle::blocks};
  return true;
}

bool Order::start(std::int64_t epoch, Interrupt& interrupt) {
  begin_ = 0;
  order_.clear();
  const auto random = [&](std::uint64_t stream) {
    return RandomStream(seed_, static_cast<std::uint32_t>(epoch), stream);
  };
  if (shuffle_ == Shuffle::rows) {
    order_.resize(static_cast<std::size_t>(n_samples_));
    std::iota(order_.begin(), order_.end(), 0);
    return permute(order_.data(), n_samples_, random(0), interrupt);
  }
  blocks_.clear();
  for (int s = 0; s < n_streams; ++s) {
    const std::ptrdiff_t begin =
        n_samples_ / n_streams * s + std::min<std::ptrdiff_t>(n_samples_ % n_streams, s);
    const std::ptrdiff_t end =
        begin + n_samples_ / n_streams + (s < n_samples_ % n_streams ? 1 : 0);
    const std::size_t first = blocks_.size();
    for (std::ptrdiff_t row = begin; row < end; row += block_rows_) blocks_.push_back(row);
    streams_[s] = {0, 0, first, blocks_.size(), end};
    const auto count = static_cast<std::ptrdiff_t>(blocks_.size() - first);
    if (!permute(blocks_.data() + first, count, random(static_cast<std::uint64_t>(s)), interrupt)) {
      return false;
    }
  }
  return true;
}

// A run from each stream: neighbours, fewer of them at the end of a block.
void Order::append_round() {
  const std::size_t before = order_.size();
  order_.resize(before + static_cast<std::size_t>(n_streams * run_rows_));
  std::int64_t* to = order_.data() + before;
  for (Stream& stream : streams_) {
    if (stream.row == stream.end_row) {
      if (stream.next_block == stream.end_block) continue;
      stream.row = blocks_[stream.next_block++];
      stream.end_row = std::min(stream.row + block_rows_, stream.end_of_region);
    }
    const std::int64_t count = std::min<std::int64_t>(run_rows_, stream.end_row - stream.row);
    std::iota(to, to + count, stream.row);
    to += count;
    stream.row += count;
  }
  order_.resize(static_cast<std::size_t>(to - order_.data()));
}

}  // namespace fallline
