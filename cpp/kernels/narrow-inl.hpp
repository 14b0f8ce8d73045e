// Between floats of 16 bits and float32. Integers alone decide how a number is rounded, so that
// compilers may take as many at a time as they like; and steps whose slots have 16 bits.
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
FALLLINE_INLINE void round_to(float x, BFloat16& out) {
  const std::uint32_t bits = bits_of(x), quiet = (bits >> 16) | 0x40;
  const std::uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;  // a tie to even
  out = {static_cast<std::uint16_t>((bits & ~sign_bit) > infinity_bits ? quiet : rounded)};
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

template <class Narrow> void widen(const Narrow* x, float* out, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t size = vec<float>::size;
  for (std::ptrdiff_t i = 0; i < n; i += size) {
    store_up_to(out + i, n - i, load_as<float>(x + i, n - i));
  }
}
template <class Narrow> void narrow(const float* x, Narrow* out, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) round_to(x[i], out[i]);
}

using Bits = vec<std::uint32_t>;

// A bijection of 32 bits that flips each with nearly even chance (constants: Wellons 2018,
// "Prospecting for hash functions", lowbias32); random numbers from counters need no state.
FALLLINE_INLINE Bits mixed(Bits x) {
  x = (x ^ shift_right<16>(x)) * set(0x7FEB352DU);
  x = (x ^ shift_right<15>(x)) * set(0x846CA68BU);
  return x ^ shift_right<16>(x);
}

// Two vectors at a time: one draw of 32 bits rounds an element of either, and of each its slots.
constexpr std::ptrdiff_t brain_block = 2 * vec<float>::size;

// Two bytes for each number, a byte between one and the next: those of an element differ in the
// upper byte, which decides all but a 256th of the roundings, and from those of the other element
// too where there are two slots. Of three or four the third has the draw of the other's first.
FALLLINE_INLINE Bits drawn_for(int slot, int half, Bits drawn) {
  return two_bytes(drawn, (slot + 2 * half) % 4);
}

// 4 KB of weights: 0.26 instead of 0.39 ns an element from memory with two slots on AVX-512, where
// the prefetchers of the processor do not keep up; 2 KB: 0.33, 8 KB: 0.26.
constexpr std::ptrdiff_t brain_ahead = 1024;

template <class Rule> FALLLINE_INLINE void ask_ahead(const BrainArrays& arrays, std::ptrdiff_t i) {
  for (std::ptrdiff_t line = 0; line < brain_block; line += vec<float>::size) {
    prefetch(arrays.w + i + brain_ahead + line);
    prefetch(arrays.gradient + i + brain_ahead + line);
    if (arrays.average) prefetch(arrays.average + i + brain_ahead + line);
  }
  for (int s = 0; s < Rule::n_slots; ++s) prefetch(arrays.slots[s] + i + brain_ahead);
}

template <class Rule> FALLLINE_INLINE void brain_block_step(const BrainArrays& arrays,
                                                            std::ptrdiff_t begin,
                                                            const Stepper<Rule, float>& stepper,
                                                            const AverageAndClear<float>& others) {
  constexpr std::ptrdiff_t size = vec<float>::size;
  const StepArrays<float> plain{arrays.w, arrays.gradient, {}, arrays.n, arrays.average};
  static constexpr std::uint32_t lanes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const std::uint32_t first = arrays.first + static_cast<std::uint32_t>(begin / 2);
  const Bits drawn = mixed((set(first) + load(lanes)) ^ set(arrays.key));
  for (int half = 0; half < 2; ++half) {
    const UpToVector<float> at{begin + half * size, size};
    vec<float> slots[Rule::n_slots + 1];
    for (int s = 0; s < Rule::n_slots; ++s) slots[s] = load_as<float>(arrays.slots[s] + at.i);
    // Arrays have no l1, and a seventh of the time on AVX2 would go into none.
    const vec<float> w =
        stepper.smooth_step(at.load_from(arrays.w), at.load_from(arrays.gradient), slots);
    at.store_to(arrays.w, w);
    for (int s = 0; s < Rule::n_slots; ++s) {
      store_upper(arrays.slots[s] + at.i, slots[s], drawn_for(s, half, drawn));
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

template <class Rule> void brain_step(const StepNumbers& numbers, const BrainArrays& all) {
  const BrainArrays arrays = all;  // for what step_lines has its own for
  const Stepper<Rule, float> stepper{Numbers<vec<float>>(numbers)};
  const AverageAndClear<float> others(numbers);
  std::ptrdiff_t i = 0;
  for (; i + brain_block <= arrays.n; i += brain_block) {
    ask_ahead<Rule>(arrays, i);
    brain_block_step(arrays, i, stepper, others);
  }
  if (i < arrays.n) LastBlock<Rule>().step(arrays, i, stepper, others);
}
