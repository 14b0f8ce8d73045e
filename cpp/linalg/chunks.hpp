// How the columns of a factorisation are divided among threads.
#pragma once

#include <algorithm>
#include <cstddef>

#include "training/threads.hpp"

namespace fallline {

constexpr std::ptrdiff_t bytes_of(std::ptrdiff_t elements) {
  return elements * static_cast<std::ptrdiff_t>(sizeof(double));
}

// compute(begin, end) on chunks of [first, last), of which so many bytes are touched. Which thread
// takes which chunk must not change a bit.
template <class Compute> void for_chunks(std::ptrdiff_t first, std::ptrdiff_t last,
                                         std::ptrdiff_t chunk, std::ptrdiff_t bytes,
                                         const Compute& compute) {
  const std::ptrdiff_t n_chunks = (last - first + chunk - 1) / chunk;
  const int threads = threads_for(bytes, n_chunks);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < n_chunks; ++k) {
    const std::ptrdiff_t begin = first + k * chunk;
    compute(begin, std::min(begin + chunk, last));
  }
}

}  // namespace fallline
