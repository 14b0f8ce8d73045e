// Arrays that are, or whose slots are, floats of 16 bits: stepped block by block in float32.
#pragma once

#include "kernels/table.hpp"

namespace fallline {

enum class Element { float32, float64, float16, bfloat16 };

constexpr std::ptrdiff_t bytes_of(Element element) {
  if (element == Element::float64) return 8;
  return element == Element::float32 ? 4 : 2;
}

// Weights, their gradient and what belongs to them, all of n elements.
struct ParameterArray {
  Element element;       // of weights and gradient
  Element slot_element;  // of the slots: float64, float32 or, of all but float64, bfloat16
  void* w;
  const void* gradient;
  void* slots[max_slots];
  void* average;  // float32 next to 16 bits; null: not wanted
  void* cleared;  // the gradient once more, where it is to become zero
  std::ptrdiff_t n;
};

// Some of the elements of an array, from `begin` on, of which some are narrow.
struct NarrowPiece {
  const ParameterArray* array;
  std::ptrdiff_t number;  // of the array
  std::ptrdiff_t begin, n;
};

// Slots of bfloat16 are rounded up or down by chance, by the step and their place: a mean that
// fades by less than its last bit would never change otherwise.
void step(const RuleEntry<float>& rule, const StepNumbers& numbers, const NarrowPiece& piece);
// Of a rule whose slots are float32.
void reduce(const RuleEntry<float>& rule, const StepNumbers& numbers, const NarrowPiece& piece,
            double* sums);
double sum_of_squares(const NarrowPiece& piece);  // of the gradient

}  // namespace fallline
