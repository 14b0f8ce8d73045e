#include "training/order.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/random.hpp"

namespace fallline {
namespace {

// Measured (benchmarks/table.py): with 8 streams and runs of 512 bytes an epoch takes 1.2 to 1.7
// times as long as in stored order, and took up to 2.3 with 16 streams; two levels of random
// blocks, whose rows were fetched one by one from a window in the cache, took 2.0 to 3.9. Sizes are
// as if the data were float32, so that every dtype sees one order.
constexpr std::ptrdiff_t block_bytes = 64 * 1024;
constexpr std::ptrdiff_t run_bytes = 512;
constexpr std::ptrdiff_t fewest_blocks = 4;  // of a region; smaller data fit a cache

// Longer rows are as if they had so many features. Sparse ones are short however many there are:
// with 16 rows of 75 elements to a block an epoch takes two thirds of what it takes with one
// (benchmarks/peers_csr.py). Dense ones are long strokes in any order.
constexpr std::ptrdiff_t most_features = 1024;

constexpr std::ptrdiff_t rows_at_once = 4096;

// Fisher and Yates. Partners are drawn some swaps ahead, so that memory brings them in time: 37 ->
// 11 ns a row of 2.1 million (_core.epoch_order, with the 5 ns of an array to return).
bool permute(std::int64_t* first, std::ptrdiff_t n, RandomStream random, Interrupt& interrupt) {
  constexpr std::ptrdiff_t swaps = 1 << 16;  // between two looks at the user's signals
  constexpr std::ptrdiff_t drawn = 64;
  std::int64_t* partners[drawn];
  for (std::ptrdiff_t i = n - 1; i > 0;) {
    const std::ptrdiff_t count = std::min(drawn, i);
    for (std::ptrdiff_t k = 0; k < count; ++k) {
      partners[k] = first + random.below(static_cast<std::uint64_t>(i - k) + 1);
      __builtin_prefetch(partners[k], 1);
    }
    for (std::ptrdiff_t k = 0; k < count; ++k, --i) std::swap(first[i], *partners[k]);
    if (i / swaps != (i + count) / swaps) interrupt.poll();
    if (interrupt.stopped()) return false;
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
  const std::ptrdiff_t known = std::min(end + max_rows_ahead, n_samples_);
  while (held() < known) {
    if (begin > begin_) {  // what is left moves to the front
      const std::ptrdiff_t passed = std::min(begin, held()) - begin_;
      order_.erase(order_.begin(), order_.begin() + passed);
      begin_ += passed;
    }
    append_rounds(std::min(known - begin_ + rows_at_once, n_samples_ - begin_));
    interrupt.poll();
    if (interrupt.stopped()) return false;
  }
  const std::ptrdiff_t last = held() == n_samples_ ? n_samples_ : held() - max_rows_ahead;
  rows = {order_.data(), begin - begin_, std::min(limit, last) - begin_, held() - begin_};
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

// At least so many rows in all, of which the epoch must have as many.
void Order::append_rounds(std::ptrdiff_t count) {
  const std::ptrdiff_t round_rows = n_streams * run_rows_;
  std::size_t size = order_.size();
  order_.resize(static_cast<std::size_t>(count + round_rows));
  std::int64_t* to = order_.data() + size;
  const std::int64_t* const enough = order_.data() + count;
  while (to < enough) {
    const std::int64_t* round = to;
    to = append_round(to);
    // Up to the end of a block every round is the one before it, a run further on.
    std::ptrdiff_t rounds = to - round < round_rows ? 0 : (enough - to) / round_rows;
    for (const Stream& stream : streams_) {
      rounds = std::min<std::ptrdiff_t>(rounds, (stream.end_row - stream.row) / run_rows_);
    }
    for (Stream& stream : streams_) stream.row += rounds * run_rows_;
    for (std::int64_t* const end = to + rounds * round_rows; to < end; to += round_rows) {
      std::transform(to - round_rows, to, to, [this](std::int64_t row) { return row + run_rows_; });
    }
  }
  order_.resize(static_cast<std::size_t>(to - order_.data()));
}

// A run from each stream: neighbours, fewer of them at the end of a block.
std::int64_t* Order::append_round(std::int64_t* to) {
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
  return to;
}

}  // namespace fallline
