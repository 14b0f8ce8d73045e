// Arrays that are, or whose slots are, floats of 16 bits: stepped block by block in float32.
#pragma once

#include "training/parameter_array.hpp"

namespace fallline {

// Some of the elements of an array, from `begin` on, of which some are narrow.
struct NarrowPiece {
  const ParameterArray* array;
  std::ptrdiff_t number;  // of the array
  std::ptrdiff_t begin, n;
  const void* gradient;  // of these elements
  Element gradient_element;
};

// Numbers as float32: where they lie, or a copy.
const float* widened(const void* x, Element element, std::ptrdiff_t n, float* copy);

// Slots of bfloat16 are rounded up or down by chance, by the step and their place: a mean that
// fades by less than its last bit would never change otherwise.
void step(const RuleEntry<float>& rule, const StepNumbers& numbers, const NarrowPiece& piece);
// Of a rule whose slots are float32.
void reduce(const RuleEntry<float>& rule, const StepNumbers& numbers, const NarrowPiece& piece,
            double* sums);
double sum_of_squares(const NarrowPiece& piece);  // of the gradient

}  // namespace fallline
