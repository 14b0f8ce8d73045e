// In which order an epoch visits the rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/interrupt.hpp"

namespace fallline {

// stored: as they lie. rows: a full permutation. blocks: blocks of 128 KB in random order, rows
// random within each, so that memory is still read in long strokes.
enum class Shuffle { stored, rows, blocks };

// The order of an epoch, a function of its arguments alone; empty for the stored order. False, and
// the order worthless, if the user interrupted.
bool fill_order(std::vector<std::int64_t>& order, Shuffle shuffle, std::ptrdiff_t n_samples,
                std::ptrdiff_t n_features, std::uint64_t seed, std::uint32_t epoch,
                Interrupt& interrupt);

}  // namespace fallline
