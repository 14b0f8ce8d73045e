// Between floats of 16 bits and float32. Integers alone decide how a number is rounded, so that
// compilers may take as many at a time as they like.
#pragma once

FALLLINE_INLINE std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
FALLLINE_INLINE float float_of(std::uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

constexpr std::uint32_t infinity_bits = 0x7F800000, sign_bit = 0x80000000;

// What is added below the last bit that stays decides between down and up. A NaN stays one.
FALLLINE_INLINE BFloat16 brain(std::uint32_t bits, std::uint32_t added) {
  const std::uint32_t rounded = (bits + added) >> 16, quiet = (bits >> 16) | 0x40;
  return {static_cast<std::uint16_t>((bits & ~sign_bit) > infinity_bits ? quiet : rounded)};
}

FALLLINE_INLINE void round_to(float x, BFloat16& out) {
  const std::uint32_t bits = bits_of(x);
  out = brain(bits, 0x7FFF + ((bits >> 16) & 1));  // to even where it is a tie
}

// Below 2^-14, where halves are multiples of 2^-24, adding 1/2 leaves these in the last bits of the
// sum. From 65520 on it is infinity that is nearest.
FALLLINE_INLINE void round_to(float x, Float16& out) {
  constexpr std::uint32_t normal = 0x38800000, too_large = 0x477FF000, half = 0x3F000000;
  const std::uint32_t bits = bits_of(x), sign = (bits & sign_bit) >> 16, size = bits & ~sign_bit;
  const std::uint32_t small = bits_of(float_of(size) + 0.5F) - half;
  const std::uint32_t large = (size - (112U << 23) + 0xFFF + ((size >> 13) & 1)) >> 13;
  std::uint32_t rounded = size < normal ? small : large;
  rounded = size >= too_large ? 0x7C00 : rounded;
  rounded = size > infinity_bits ? 0x7E00 : rounded;
  out = {static_cast<std::uint16_t>(sign | rounded)};
}

// A bijection of 32 bits that flips each with nearly even chance (constants: Wellons 2018,
// "Prospecting for hash functions", lowbias32); random numbers from counters need no state.
FALLLINE_INLINE std::uint32_t mixed(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7FEB352DU;
  x = (x ^ (x >> 15)) * 0x846CA68BU;
  return x ^ (x >> 16);
}

template <class Narrow> void widen(const Narrow* x, float* out, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t size = vec<float>::size;
  for (std::ptrdiff_t i = 0; i < n; i += size) {
    store_up_to(out + i, n - i, load_as<float>(x + i, n - i));
  }
}
template <class Narrow> void narrow(const float* x, Narrow* out, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) round_to(x[i], out[i]);
}
inline void draw(std::uint32_t key, std::uint32_t first, std::uint16_t* out, std::ptrdiff_t n) {
  // Two numbers of each product, as products are what it takes time to make.
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const std::uint32_t drawn = mixed((first + static_cast<std::uint32_t>(i)) ^ key);
    out[i] = static_cast<std::uint16_t>(drawn);
    out[n + i] = static_cast<std::uint16_t>(drawn >> 16);
  }
}
inline void narrow_brain_randomly(const float* x, const std::uint16_t* drawn, BFloat16* out,
                                  std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) out[i] = brain(bits_of(x[i]), drawn[i]);
}
