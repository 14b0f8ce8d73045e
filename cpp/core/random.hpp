// Counter-based random numbers: Philox4x32-10, Salmon, Moraes, Dror & Shaw (2011), "Parallel
// random numbers: as easy as 1, 2, 3", section 3.3. The k-th number of a stream is a function of
// (seed, stream, k), so resuming an epoch needs no stored state.
#pragma once

#include <array>
#include <cstdint>

namespace fallline {

inline std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                               std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// The random numbers of one (seed, epoch, stream), each call the next 64 bits.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint32_t epoch, std::uint64_t stream)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        counter_{0, epoch, static_cast<std::uint32_t>(stream),
                 static_cast<std::uint32_t>(stream >> 32)} {}

  // An integer in [0, bound): the high half of a 64 x 64 bit product (Lemire 2019, without the
  // rejection step: its bias is below bound / 2^64).
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t x = next();
    const std::uint64_t high = (x >> 32) * bound;
    const std::uint64_t low = (x & 0xFFFFFFFF) * bound;
    return (high + (low >> 32)) >> 32;
  }

 private:
  std::uint64_t next() {
    if (!half_left_) {
      block_ = philox4x32(counter_, key_);
      ++counter_[0];
    }
    const int first = half_left_ ? 2 : 0;
    half_left_ = !half_left_;
    const auto low = block_[static_cast<std::size_t>(first)];
    const auto high = block_[static_cast<std::size_t>(first) + 1];
    return (std::uint64_t{high} << 32) | low;
  }

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  bool half_left_ = false;
};

}  // namespace fallline
