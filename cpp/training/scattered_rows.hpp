// Arrays with a gradient of some rows, stepped as if it were of all elements and zero elsewhere:
// bit for bit, piece by piece, and without a gradient of that size.
#pragma once

#include "training/narrow_arrays.hpp"
#include "training/row_gradient.hpp"

namespace fallline {

struct ScatteredPiece {
  const ParameterArray* array;
  std::ptrdiff_t number;  // of the array
  std::ptrdiff_t begin, n;
};

// The gradient of one piece at a time, as long as there is no other call.
template <class T> class PieceGradient {
 public:
  // As an array. What has been written for a piece becomes zero again for the next, and nothing
  // else is touched.
  const T* array(const ScatteredPiece& piece);
  // As stretches of zeros, which share few of them, and rows, whose values lie where they are: for
  // a rule that goes element by element that is the same, and takes no memory to pass through.
  const std::vector<StepArrays<T>>& stretches(const ScatteredPiece& piece, int n_slots);

 private:
  AlignedVector<T> elements_;
  ScatteredPiece last_{};
  std::vector<StepArrays<T>> stretches_;
};

// Both kinds, of one thread.
struct PieceGradients {
  PieceGradient<float> singles;
  PieceGradient<double> doubles;
};

struct ScatteredRule {
  const RuleEntry<float>& single;
  const RuleEntry<double>& twice;
};

void step(const ScatteredRule& rule, const StepNumbers& numbers, const ScatteredPiece& piece,
          PieceGradients& gradients);
void reduce(const ScatteredRule& rule, const StepNumbers& numbers, const ScatteredPiece& piece,
            PieceGradients& gradients, double* sums);
double sum_of_squares(const ScatteredPiece& piece, PieceGradients& gradients);

}  // namespace fallline
