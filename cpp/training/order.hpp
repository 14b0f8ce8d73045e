// In which order an epoch visits the rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/interrupt.hpp"
#include "core/types.hpp"

namespace fallline {

// stored: as they lie. rows: a full permutation. blocks: short blocks of neighbours in random
// order, gathered into windows that fit the cache, rows random within each window.
enum class Shuffle { stored, rows, blocks };

// The order of every epoch, a function of the arguments of the constructor and the epoch alone. It
// is made window by window, as it is asked for.
class Order {
 public:
  Order(Shuffle shuffle, std::ptrdiff_t n_samples, std::ptrdiff_t n_features, std::uint64_t seed);

  // At least the positions [begin, end) of an epoch, at most up to `limit`; valid until the next
  // call. False, and the rows worthless, if the user interrupted.
  bool take(std::int64_t epoch, std::ptrdiff_t begin, std::ptrdiff_t end, std::ptrdiff_t limit,
            Rows& rows, Interrupt& interrupt);

 private:
  bool start(std::int64_t epoch, std::ptrdiff_t position, Interrupt& interrupt);
  bool append_window(Interrupt& interrupt);
  void arrive(std::ptrdiff_t window);

  Shuffle shuffle_;
  std::ptrdiff_t n_samples_;
  std::uint64_t seed_;
  std::ptrdiff_t block_rows_;           // neighbours that stay together on their way from memory
  std::ptrdiff_t window_blocks_;        // blocks whose rows are mixed
  std::vector<std::int64_t> blocks_;    // of this epoch, in their order
  std::vector<std::int64_t> arriving_;  // rows of the next window as they lie in their blocks
  std::vector<std::int64_t> order_, ahead_;  // of positions from begin_ on
  std::int64_t epoch_ = -1;
  std::ptrdiff_t begin_ = 0;
  std::ptrdiff_t next_window_ = 0;
};

}  // namespace fallline
