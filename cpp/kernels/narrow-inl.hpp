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

// Two vectors at a time, for which one product after the other draws 32 numbers of 16 bits.
constexpr std::ptrdiff_t brain_block = 2 * vec<float>::size;

FALLLINE_INLINE void store_randomly(vec<float> x, const std::uint32_t* drawn, int shift,
                                    BFloat16* out) {
  alignas(64) float lanes[vec<float>::size];
  store(lanes, x);
  for (std::ptrdiff_t i = 0; i < vec<float>::size; ++i) {
    out[i] = brain(bits_of(lanes[i]), (drawn[i] >> shift) & 0xFFFF);
  }
}

template <class Rule> FALLLINE_INLINE void brain_block_step(const BrainArrays& arrays,
                                                            std::ptrdiff_t begin,
                                                            const Stepper<Rule, float>& stepper,
                                                            const AverageAndClear<float>& others) {
  constexpr std::ptrdiff_t size = vec<float>::size;
  const StepArrays<float> plain{arrays.w, arrays.gradient, {}, arrays.n, arrays.average};
  std::uint32_t drawn[size];
  const std::uint32_t first = arrays.first + static_cast<std::uint32_t>(begin / 2);
  for (std::ptrdiff_t i = 0; i < size; ++i) {
    drawn[i] = mixed((first + static_cast<std::uint32_t>(i)) ^ arrays.key);
  }
  for (int half = 0; half < 2; ++half) {
    const UpToVector<float> at{begin + half * size, size};
    vec<float> slots[Rule::n_slots + 1];
    for (int s = 0; s < Rule::n_slots; ++s) slots[s] = load_as<float>(arrays.slots[s] + at.i);
    const vec<float> w = stepper.step(at.load_from(arrays.w), at.load_from(arrays.gradient), slots);
    at.store_to(arrays.w, w);
    for (int s = 0; s < Rule::n_slots; ++s) {
      store_randomly(slots[s], drawn, 16 * half, arrays.slots[s] + at.i);
    }
    others.do_with(w, plain, at);
  }
}

// The last elements are stepped in a block of their own, in front of zeros.
template <class Rule> struct LastBlock {
  float w[brain_block] = {}, gradient[brain_block] = {}, average[brain_block] = {};
  BFloat16 slots[Rule::n_slots + 1][brain_block] = {};

  void step(const BrainArrays& arrays, std::ptrdiff_t begin, const Stepper<Rule, float>& stepper,
            const AverageAndClear<float>& others) {
    const auto n = static_cast<std::size_t>(arrays.n - begin);
    BrainArrays block{w,
                      gradient,
                      {},
                      brain_block,
                      arrays.average ? average : nullptr,
                      arrays.key,
                      arrays.first + static_cast<std::uint32_t>(begin / 2)};
    copy(w, arrays.w + begin, n);
    copy(gradient, arrays.gradient + begin, n);
    if (arrays.average) copy(average, arrays.average + begin, n);
    for (int s = 0; s < Rule::n_slots; ++s) {
      block.slots[s] = slots[s];
      copy(slots[s], arrays.slots[s] + begin, n);
    }
    brain_block_step(block, 0, stepper, others);
    copy(arrays.w + begin, w, n);
    if (arrays.average) copy(arrays.average + begin, average, n);
    for (int s = 0; s < Rule::n_slots; ++s) copy(arrays.slots[s] + begin, slots[s], n);
  }

 private:
  template <class U> static void copy(U* to, const U* from, std::size_t n) {
    __builtin_memcpy(to, from, n * sizeof(U));
  }
};

template <class Rule> void brain_step(const StepNumbers& numbers, const BrainArrays& arrays) {
  const Stepper<Rule, float> stepper{Numbers<vec<float>>(numbers)};
  const AverageAndClear<float> others(numbers);
  std::ptrdiff_t i = 0;
  for (; i + brain_block <= arrays.n; i += brain_block) {
    brain_block_step(arrays, i, stepper, others);
  }
  if (i < arrays.n) LastBlock<Rule>().step(arrays, i, stepper, others);
}
