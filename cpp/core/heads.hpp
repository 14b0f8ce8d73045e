// The plain structs of models with several heads. Numbers of heads lie in lines of as many heads as
// a vector has lanes, [line][lane]. So do weights, [line][feature][lane], where lanes are heads:
// one line is one contiguous array however many there are. Where lanes are features they lie as
// [head][feature], every head padded with zeros to whole lines.
#pragma once

#include "core/types.hpp"

namespace fallline {

template <class T> constexpr std::ptrdiff_t head_lanes = 64 / sizeof(T);

template <class T> constexpr std::ptrdiff_t head_lines(std::ptrdiff_t n_heads) {
  return (n_heads + head_lanes<T> - 1) / head_lanes<T>;
}

// What the target of a row is to its heads.
enum class HeadTargets {
  shared,    // one number for all heads: they are candidates for one model
  per_head,  // a number for each head
  classes,   // the number of the row's class, whose head is told +1 and the others -1
};

template <class T> struct HeadSamples {
  MatrixView<T> X;
  HeadTargets kind;
  const T* targets;           // of a row: one number, or for per_head as many as heads
  const T* sample_weight;     // may be null: every row then weighs 1
  const std::uint8_t* folds;  // of each row; may be null
  const T* fold_of_heads;     // with folds, padded: rows of this fold weigh 0 for the head
  std::ptrdiff_t n_heads;
};

// The sums of `Sums`, one of each per head and padded to lines; loss and weight of a coupled loss
// are those of head 0.
struct HeadSums {
  double* loss;
  double* weight;
  double* intercept_gradient;
};

}  // namespace fallline
