#include "training/order.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/random.hpp"

namespace fallline {
namespace {

// Sizes as if the data were float32, so that every dtype sees one order.
constexpr std::ptrdiff_t block_bytes = 8 * 1024;
constexpr std::ptrdiff_t window_bytes = 256 * 1024;

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
  const std::ptrdiff_t row_bytes = 4 * std::max<std::ptrdiff_t>(n_features, 1);
  block_rows_ = shuffle == Shuffle::rows ? 1 : std::max<std::ptrdiff_t>(block_bytes / row_bytes, 1);
  window_blocks_ = std::max<std::ptrdiff_t>(window_bytes / (row_bytes * block_rows_), 1);
}

bool Order::take(std::int64_t epoch, std::ptrdiff_t begin, std::ptrdiff_t end, std::ptrdiff_t limit,
                 Rows& rows, Interrupt& interrupt) {
  if (shuffle_ == Shuffle::stored) {
    rows = {nullptr, begin, limit};
    return true;
  }
  const auto held = [this] { return begin_ + static_cast<std::ptrdiff_t>(order_.size()); };
  if (epoch != epoch_ || begin < begin_ || begin > held()) {
    if (!start(epoch, begin, interrupt)) {
      epoch_ = -1;
      return false;
    }
  }
  if (end > held()) {  // what is left moves to the front, the next windows follow
    order_.erase(order_.begin(), order_.begin() + (begin - begin_));
    ahead_.erase(ahead_.begin(), ahead_.begin() + (begin - begin_));
    begin_ = begin;
    while (end > held()) {
      if (!append_window(interrupt)) {
        epoch_ = -1;
        return false;
      }
    }
  }
  rows = {order_.data(), begin - begin_, std::min(limit, held()) - begin_, ahead_.data()};
  return true;
}

bool Order::start(std::int64_t epoch, std::ptrdiff_t position, Interrupt& interrupt) {
  if (epoch != epoch_) {
    blocks_.resize(static_cast<std::size_t>((n_samples_ + block_rows_ - 1) / block_rows_));
    std::iota(blocks_.begin(), blocks_.end(), 0);
    const auto n_blocks = static_cast<std::ptrdiff_t>(blocks_.size());
    const RandomStream random(seed_, static_cast<std::uint32_t>(epoch), 0);
    if (!permute(blocks_.data(), n_blocks, random, interrupt)) return false;
    epoch_ = epoch;
  }
  order_.clear();
  ahead_.clear();
  begin_ = 0;
  next_window_ = 0;
  arrive(0);
  // Windows before the position are only counted: each has random numbers of its own.
  while (begin_ + static_cast<std::ptrdiff_t>(arriving_.size()) <= position && !arriving_.empty()) {
    begin_ += static_cast<std::ptrdiff_t>(arriving_.size());
    arrive(++next_window_);
  }
  return true;
}

// The rows of a window as they lie in its blocks; none past the last window.
void Order::arrive(std::ptrdiff_t window) {
  arriving_.clear();
  const auto n_blocks = static_cast<std::ptrdiff_t>(blocks_.size());
  const std::ptrdiff_t first = std::min(window * window_blocks_, n_blocks);
  const std::ptrdiff_t last = std::min(first + window_blocks_, n_blocks);
  for (std::ptrdiff_t k = first; k < last; ++k) {
    const std::ptrdiff_t begin = blocks_[static_cast<std::size_t>(k)] * block_rows_;
    const std::ptrdiff_t end = std::min(begin + block_rows_, n_samples_);
    for (std::ptrdiff_t row = begin; row < end; ++row) arriving_.push_back(row);
  }
}

bool Order::append_window(Interrupt& interrupt) {
  const std::size_t from = order_.size();
  order_.insert(order_.end(), arriving_.begin(), arriving_.end());
  const std::size_t count = order_.size() - from;
  // A single row to a block is a full permutation already.
  if (block_rows_ > 1) {
    const RandomStream random(seed_, static_cast<std::uint32_t>(epoch_),
                              static_cast<std::uint64_t>(next_window_) + 1);
    if (!permute(order_.data() + from, static_cast<std::ptrdiff_t>(count), random, interrupt)) {
      return false;
    }
  }
  arrive(++next_window_);
  for (std::size_t k = 0; k < count; ++k) {
    ahead_.push_back(k < arriving_.size() ? arriving_[k] : order_[from + k]);
  }
  interrupt.poll();
  return !interrupt.stopped();
}

}  // namespace fallline
