#include "training/narrow_arrays.hpp"

#include <algorithm>
#include <cstring>

#include "core/random.hpp"

namespace fallline {
namespace {

// Weights, gradient and two slots of so many elements fit the first-level cache.
constexpr std::ptrdiff_t block_size = 1024;

char* at(void* array, Element element, std::ptrdiff_t i) {
  return static_cast<char*>(array) + i * bytes_of(element);
}
const char* at(const void* array, Element element, std::ptrdiff_t i) {
  return static_cast<const char*>(array) + i * bytes_of(element);
}

// Numbers as float32: where they lie, or a copy.
const float* widened(const void* x, Element element, std::ptrdiff_t n, float* copy) {
  const NarrowKernels& kernel = kernels<float>().narrow;
  if (element == Element::float32) return static_cast<const float*>(x);
  if (element == Element::float16) {
    kernel.widen_half(static_cast<const Float16*>(x), copy, n);
  } else {
    kernel.widen_brain(static_cast<const BFloat16*>(x), copy, n);
  }
  return copy;
}

void narrow(const float* x, Element element, std::ptrdiff_t n, void* out) {
  const NarrowKernels& kernel = kernels<float>().narrow;
  if (element == Element::float16) kernel.narrow_half(x, static_cast<Float16*>(out), n);
  if (element == Element::bfloat16) kernel.narrow_brain(x, static_cast<BFloat16*>(out), n);
}

// What the numbers that are drawn for an array at a step depend on, besides their places.
std::uint32_t key_of(std::uint64_t seed, std::int64_t step, std::ptrdiff_t number,
                     std::ptrdiff_t begin) {
  const std::array<std::uint32_t, 4> counter{
      static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32),
      static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(begin >> 32)};
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(seed),
                                         static_cast<std::uint32_t>(seed >> 32)};
  return philox4x32(counter, key)[0];
}

// A block of a piece in float32, from the first to the last look at it.
class Block {
 public:
  Block(const NarrowPiece& piece, std::ptrdiff_t begin, int n_slots)
      : array_(*piece.array),
        number_(piece.number),
        begin_(begin),
        n_(std::min(block_size, piece.begin + piece.n - begin)),
        n_slots_(n_slots) {
    arrays_.n = n_;
    arrays_.w =
        const_cast<float*>(widened(at(array_.w, array_.element, begin), array_.element, n_, w_));
    arrays_.gradient =
        widened(at(array_.gradient, array_.element, begin), array_.element, n_, gradient_);
    for (int s = 0; s < n_slots; ++s) {
      arrays_.slots[s] = const_cast<float*>(widened(at(array_.slots[s], array_.slot_element, begin),
                                                    array_.slot_element, n_, slots_[s]));
    }
  }

  const StepArrays<float>& arrays() const { return arrays_; }
  const StepArrays<float>& with_average() {
    if (array_.average) arrays_.average = static_cast<float*>(array_.average) + begin_;
    return arrays_;
  }

  void write_weights() {
    narrow(arrays_.w, array_.element, n_, at(array_.w, array_.element, begin_));
    if (!array_.cleared) return;
    std::memset(at(array_.cleared, array_.element, begin_), 0,
                static_cast<std::size_t>(n_ * bytes_of(array_.element)));
  }

  void write_slots(std::uint64_t seed, std::int64_t step) {
    if (array_.slot_element == Element::float32) return;
    // All slots of an element are rounded by the same number.
    const NarrowKernels& kernel = kernels<float>().narrow;
    std::uint16_t drawn[block_size];
    kernel.draw(key_of(seed, step, number_, begin_), static_cast<std::uint32_t>(begin_), drawn,
                (n_ + 1) / 2);
    for (int s = 0; s < n_slots_; ++s) {
      void* to = at(array_.slots[s], array_.slot_element, begin_);
      kernel.narrow_brain_randomly(arrays_.slots[s], drawn, static_cast<BFloat16*>(to), n_);
    }
  }

 private:
  const ParameterArray& array_;
  std::ptrdiff_t number_, begin_, n_;
  int n_slots_;
  StepArrays<float> arrays_{};
  alignas(64) float w_[block_size], gradient_[block_size], slots_[max_slots][block_size];
};

// Float32 weights need no copies next to slots of bfloat16.
BrainArrays brain_arrays(const NarrowPiece& piece, int n_slots, std::uint32_t key) {
  const ParameterArray& array = *piece.array;
  const auto from = [&piece](void* of) {
    return of ? static_cast<float*>(of) + piece.begin : nullptr;
  };
  BrainArrays arrays{from(array.w),
                     static_cast<const float*>(array.gradient) + piece.begin,
                     {},
                     piece.n,
                     from(array.average),
                     from(array.cleared),
                     key,
                     static_cast<std::uint32_t>(piece.begin / 2)};
  for (int s = 0; s < n_slots; ++s) {
    arrays.slots[s] = static_cast<BFloat16*>(array.slots[s]) + piece.begin;
  }
  return arrays;
}

}  // namespace

void step(const RuleEntry<float>& rule, const StepNumbers& numbers, const NarrowPiece& piece,
          std::uint64_t seed) {
  if (piece.array->element == Element::float32) {
    const std::uint32_t key = key_of(seed, numbers.step, piece.number, piece.begin);
    rule.brain_step(numbers, brain_arrays(piece, rule.n_slots, key));
    return;
  }
  for (std::ptrdiff_t i = piece.begin; i < piece.begin + piece.n; i += block_size) {
    Block block(piece, i, rule.n_slots);
    rule.step(numbers, &block.with_average(), 1);
    block.write_weights();
    block.write_slots(seed, numbers.step);
  }
}

void reduce(const RuleEntry<float>& rule, const StepNumbers& numbers, const NarrowPiece& piece,
            std::uint64_t seed, double* sums) {
  for (std::ptrdiff_t i = piece.begin; i < piece.begin + piece.n; i += block_size) {
    Block block(piece, i, rule.n_slots);
    rule.reduce(numbers, block.arrays(), sums);
    block.write_slots(seed, numbers.step);
  }
}

double sum_of_squares(const NarrowPiece& piece) {
  const ParameterArray& array = *piece.array;
  alignas(64) float copy[block_size];
  double sum = 0;
  for (std::ptrdiff_t i = 0; i < piece.n; i += block_size) {
    const std::ptrdiff_t n = std::min(block_size, piece.n - i);
    const void* gradient = at(array.gradient, array.element, piece.begin + i);
    sum += kernels<float>().sum_of_squares(widened(gradient, array.element, n, copy), n);
  }
  return sum;
}

}  // namespace fallline
