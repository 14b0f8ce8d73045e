// Anybody's weights, with their gradient and what belongs to them.
#pragma once

#include "kernels/table.hpp"

namespace fallline {

class RowGradient;

enum class Element { float32, float64, float16, bfloat16 };

constexpr std::ptrdiff_t bytes_of(Element element) {
  if (element == Element::float64) return 8;
  return element == Element::float32 ? 4 : 2;
}

// What numbers are computed in.
constexpr Element wide(Element element) {
  return element == Element::float64 ? Element::float64 : Element::float32;
}

// All of n elements.
struct ParameterArray {
  Element element;       // of weights and gradient
  Element slot_element;  // of the slots: float64, float32 or, of all but float64, bfloat16
  void* w;
  const void* gradient;     // null next to rows
  const RowGradient* rows;  // null where the gradient is of all elements
  void* slots[max_slots];
  void* average;  // float32 next to 16 bits; null: not wanted
  void* cleared;  // the gradient once more, where it is to become zero
  std::ptrdiff_t n;
};

// Some elements of an array, with a gradient of their own, for a kernel.
template <class T> StepArrays<T> piece_of(const ParameterArray& array, std::ptrdiff_t begin,
                                          std::ptrdiff_t n, int n_slots, const T* gradient) {
  StepArrays<T> piece{static_cast<T*>(array.w) + begin, gradient, {}, n};
  for (int s = 0; s < n_slots; ++s) piece.slots[s] = static_cast<T*>(array.slots[s]) + begin;
  if (array.average) piece.average = static_cast<T*>(array.average) + begin;
  if (array.cleared) piece.cleared = static_cast<T*>(array.cleared) + begin;
  return piece;
}

}  // namespace fallline
