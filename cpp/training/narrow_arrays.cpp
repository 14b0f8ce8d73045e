#include "training/narrow_arrays.hpp"

#include <algorithm>
#include <cstring>

#include "core/random.hpp"

namespace fallline {
namespace {

// Weights, gradient and their slots of so many elements fit the first-level cache.
constexpr std::ptrdiff_t block_size = 1024;

void narrow(const float* x, Element element, std::ptrdiff_t n, void* out) {
  const NarrowKernels& kernel = kernels<float>().narrow;
  if (element == Element::float16) kernel.narrow_half(x, static_cast<Float16*>(out), n);
  if (element == Element::bfloat16) kernel.narrow_brain(x, static_cast<BFloat16*>(out), n);
}

// Where the numbers that are drawn for some elements of an array at a step come from.
struct Draws {
  std::uint32_t key, first;
};

// Those of so many elements are drawn together, from half as many counters.
constexpr std::ptrdiff_t drawn_together = 32;

Draws draws_of(std::int64_t step, std::ptrdiff_t number, std::ptrdiff_t begin) {
  const std::array<std::uint32_t, 4> counter{
      static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32),
      static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(begin >> 32)};
  const auto place = static_cast<std::uint32_t>(begin);
  if (begin % drawn_together == 0) return {philox4x32(counter, {0, 0})[0], place / 2};
  // A row that begins elsewhere has numbers of its own, or it would share some with its neighbours.
  return {philox4x32(counter, {place, 1})[0], 0};
}

const void* gradient_of(const NarrowPiece& piece, std::ptrdiff_t begin) {
  return static_cast<const char*>(piece.gradient) +
         (begin - piece.begin) * bytes_of(piece.gradient_element);
}

// Some of a piece, with float32 copies of weights and gradient where they are of 16 bits.
class Block {
 public:
  Block(const NarrowPiece& piece, std::ptrdiff_t begin)
      : array_(*piece.array), number_(piece.number), begin_(begin) {
    const std::ptrdiff_t left = piece.begin + piece.n - begin;
    n_ = array_.element == Element::float32 ? left : std::min(block_size, left);
    w_ = const_cast<float*>(widened(place(array_.w), array_.element, n_, w_copy_));
    gradient_ = widened(gradient_of(piece, begin), piece.gradient_element, n_, gradient_copy_);
    if (array_.average) average_ = static_cast<float*>(array_.average) + begin;
  }

  std::ptrdiff_t end() const { return begin_ + n_; }

  StepArrays<float> arrays(int n_slots) const {
    StepArrays<float> arrays{w_, gradient_, {}, n_, average_};
    for (int s = 0; s < n_slots; ++s) arrays.slots[s] = slot<float>(s);
    return arrays;
  }
  BrainArrays brain_arrays(int n_slots, std::int64_t step) const {
    const Draws draws = draws_of(step, number_, begin_);
    BrainArrays arrays{w_, gradient_, {}, n_, average_, draws.key, draws.first};
    for (int s = 0; s < n_slots; ++s) arrays.slots[s] = slot<BFloat16>(s);
    return arrays;
  }

  void write_back() const {
    narrow(w_, array_.element, n_, place(array_.w));
    if (!array_.cleared) return;
    std::memset(place(array_.cleared), 0, static_cast<std::size_t>(n_ * bytes_of(array_.element)));
  }

 private:
  char* place(void* array) const {
    return static_cast<char*>(array) + begin_ * bytes_of(array_.element);
  }
  template <class T> T* slot(int s) const { return static_cast<T*>(array_.slots[s]) + begin_; }

  const ParameterArray& array_;
  std::ptrdiff_t number_, begin_, n_;
  float *w_, *average_ = nullptr;
  const float* gradient_;
  alignas(64) float w_copy_[block_size], gradient_copy_[block_size];
};

}  // namespace

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

void step(const RuleEntry<float>& rule, const StepNumbers& numbers, const NarrowPiece& piece) {
  for (std::ptrdiff_t i = piece.begin; i < piece.begin + piece.n;) {
    const Block block(piece, i);
    if (piece.array->slot_element == Element::bfloat16) {
      rule.brain_step(numbers, block.brain_arrays(rule.n_slots, numbers.step));
    } else {
      const StepArrays<float> arrays = block.arrays(rule.n_slots);
      rule.step(numbers, &arrays, 1);
    }
    block.write_back();
    i = block.end();
  }
}

void reduce(const RuleEntry<float>& rule, const StepNumbers& numbers, const NarrowPiece& piece,
            double* sums) {
  for (std::ptrdiff_t i = piece.begin; i < piece.begin + piece.n;) {
    const Block block(piece, i);
    rule.reduce(numbers, block.arrays(rule.n_slots), sums);
    i = block.end();
  }
}

double sum_of_squares(const NarrowPiece& piece) {
  alignas(64) float copy[block_size];
  double sum = 0;
  for (std::ptrdiff_t i = piece.begin; i < piece.begin + piece.n; i += block_size) {
    const std::ptrdiff_t n = std::min(block_size, piece.begin + piece.n - i);
    sum += kernels<float>().sum_of_squares(
        widened(gradient_of(piece, i), piece.gradient_element, n, copy), n);
  }
  return sum;
}

}  // namespace fallline
