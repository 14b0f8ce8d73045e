// In which order an epoch visits the rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/interrupt.hpp"
#include "core/types.hpp"

namespace fallline {

// stored: as they lie. rows: a full permutation. blocks: several streams side by side, each through
// a region of its own, whose blocks come in random order; the epoch takes a few rows from each in
// turn. Memory is then read in long strokes, and a mini-batch has rows from everywhere.
enum class Shuffle { stored, rows, blocks };

// The order of every epoch, a function of the constructor's arguments and the epoch alone.
class Order {
 public:
  Order(Shuffle shuffle, std::ptrdiff_t n_samples, std::ptrdiff_t n_features, std::uint64_t seed);

  // At least the positions [begin, end) of an epoch, at most up to `limit`; valid until the next
  // call. False, and the rows worthless, if the user interrupted.
  bool take(std::int64_t epoch, std::ptrdiff_t begin, std::ptrdiff_t end, std::ptrdiff_t limit,
            Rows& rows, Interrupt& interrupt);

 private:
  static constexpr int n_streams = 8;

  // Where a stream stands: it has the blocks [next_block, end_block) of blocks_ before it.
  struct Stream {
    std::int64_t row, end_row;
    std::size_t next_block, end_block;
    std::int64_t end_of_region;
  };

  bool start(std::int64_t epoch, Interrupt& interrupt);
  void append_rounds(std::ptrdiff_t count);
  std::int64_t* append_round(std::int64_t* to);

  Shuffle shuffle_;
  std::ptrdiff_t n_samples_;
  std::uint64_t seed_;
  std::ptrdiff_t block_rows_;
  std::ptrdiff_t run_rows_;
  std::vector<std::int64_t> order_;   // of the positions from begin_ on
  std::vector<std::int64_t> blocks_;  // first rows, region by region
  Stream streams_[n_streams];
  std::int64_t epoch_ = -1;
  std::ptrdiff_t begin_ = 0;
};

}  // namespace fallline
