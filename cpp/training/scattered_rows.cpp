#include "training/scattered_rows.hpp"

#include <algorithm>

namespace fallline {
namespace {

bool has_rows(const ScatteredPiece& piece) {
  const RowGradient& rows = *piece.array->rows;
  const std::ptrdiff_t k = rows.first_from(piece.begin);
  return k < rows.size() && rows.row(k) * rows.width() < piece.begin + piece.n;
}

// Calls do_with(begin, n, values) for each row, as far as it is in a piece, in order.
template <class T, class Do> void for_rows(const ScatteredPiece& piece, const Do& do_with) {
  const RowGradient& rows = *piece.array->rows;
  const std::ptrdiff_t width = rows.width(), end = piece.begin + piece.n;
  for (std::ptrdiff_t k = rows.first_from(piece.begin); k < rows.size(); ++k) {
    const std::ptrdiff_t row_begin = rows.row(k) * width;
    if (row_begin >= end) return;
    const std::ptrdiff_t from = std::max(piece.begin, row_begin);
    const std::ptrdiff_t n = std::min(end, row_begin + width) - from;
    do_with(from, n, static_cast<const T*>(rows.values(k)) + (from - row_begin));
  }
}

bool is_double(const ScatteredPiece& piece) { return piece.array->element == Element::float64; }
bool is_single(const ScatteredPiece& piece) {
  return piece.array->element == Element::float32 && piece.array->slot_element == Element::float32;
}

NarrowPiece narrow(const ScatteredPiece& piece, const float* gradient) {
  return {piece.array, piece.number, piece.begin, piece.n, gradient, Element::float32};
}

}  // namespace

template <class T> const T* PieceGradient<T>::array(const ScatteredPiece& piece) {
  if (last_.array) {
    for_rows<T>(last_, [this](std::ptrdiff_t from, std::ptrdiff_t n, const T*) {
      std::fill_n(elements_.data() + (from - last_.begin), n, T(0));
    });
  }
  elements_.resize(std::max(elements_.size(), static_cast<std::size_t>(piece.n)));
  for_rows<T>(piece, [&](std::ptrdiff_t from, std::ptrdiff_t n, const T* values) {
    std::copy_n(values, n, elements_.data() + (from - piece.begin));
  });
  last_ = piece;
  return elements_.data();
}

template <class T>
const std::vector<StepArrays<T>>& PieceGradient<T>::stretches(const ScatteredPiece& piece,
                                                              int n_slots) {
  constexpr std::ptrdiff_t n_zeros = 2048;  // stay in the first-level cache
  alignas(64) static const T zeros[n_zeros] = {};
  std::ptrdiff_t done = piece.begin;
  const auto add_zeros = [&](std::ptrdiff_t end) {
    for (; done < end; done = std::min(done + n_zeros, end)) {
      const std::ptrdiff_t n = std::min(n_zeros, end - done);
      stretches_.push_back(piece_of(*piece.array, done, n, n_slots, zeros));
    }
  };
  stretches_.clear();
  for_rows<T>(piece, [&](std::ptrdiff_t from, std::ptrdiff_t n, const T* values) {
    add_zeros(from);
    stretches_.push_back(piece_of(*piece.array, from, n, n_slots, values));
    done = from + n;
  });
  add_zeros(piece.begin + piece.n);
  return stretches_;
}
template class PieceGradient<float>;
template class PieceGradient<double>;

void step(const ScatteredRule& rule, const StepNumbers& numbers, const ScatteredPiece& piece,
          PieceGradients& gradients) {
  const int n_slots = rule.single.n_slots;
  if (is_double(piece)) {
    const auto& stretches = gradients.doubles.stretches(piece, n_slots);
    rule.twice.step(numbers, stretches.data(), static_cast<std::ptrdiff_t>(stretches.size()));
  } else if (is_single(piece)) {
    const auto& stretches = gradients.singles.stretches(piece, n_slots);
    rule.single.step(numbers, stretches.data(), static_cast<std::ptrdiff_t>(stretches.size()));
  } else {
    step(rule.single, numbers, narrow(piece, gradients.singles.array(piece)));
  }
}

void reduce(const ScatteredRule& rule, const StepNumbers& numbers, const ScatteredPiece& piece,
            PieceGradients& gradients, double* sums) {
  const ParameterArray& array = *piece.array;
  const int n_slots = rule.single.n_slots;
  if (is_double(piece)) {
    const double* gradient = gradients.doubles.array(piece);
    rule.twice.reduce(numbers, piece_of(array, piece.begin, piece.n, n_slots, gradient), sums);
    return;
  }
  const float* gradient = gradients.singles.array(piece);
  if (is_single(piece)) {
    rule.single.reduce(numbers, piece_of(array, piece.begin, piece.n, n_slots, gradient), sums);
  } else {
    reduce(rule.single, numbers, narrow(piece, gradient), sums);
  }
}

double sum_of_squares(const ScatteredPiece& piece, PieceGradients& gradients) {
  if (!has_rows(piece)) return 0;
  if (is_double(piece)) {
    return kernels<double>().sum_of_squares(gradients.doubles.array(piece), piece.n);
  }
  const float* gradient = gradients.singles.array(piece);
  if (is_single(piece)) return kernels<float>().sum_of_squares(gradient, piece.n);
  return sum_of_squares(narrow(piece, gradient));
}

}  // namespace fallline
