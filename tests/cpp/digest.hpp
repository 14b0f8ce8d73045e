// A hash of the bits of numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "guarded.hpp"

// FNV-1a. All NaNs count as one: which of them an operation gives is the processor's own affair.
class Digest {
 public:
  template <class T> void add(T x) {
    if (x != x) x = std::numeric_limits<T>::quiet_NaN();
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, &x, sizeof(T));
    for (const unsigned char byte : bytes) hash_ = (hash_ ^ byte) * 0x100000001B3;
  }
  template <class T> void add(Guarded<T>& x) {
    for (std::ptrdiff_t i = 0; i < x.size(); ++i) add(x[i]);
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325;
};
