// The gradient of some rows of an array, as of the rows of an embedding that a batch has read.
#pragma once

#include <cstdint>
#include <vector>

#include "core/aligned.hpp"
#include "training/parameter_array.hpp"

namespace fallline {

// As they come: in any order, and a row any number of times.
struct RowValues {
  const std::int64_t* rows;  // not negative
  std::ptrdiff_t count;
  const void* values;  // count x width
  Element element;
  std::ptrdiff_t width;
};

// Each row once, in order. What a row has several values for is added up in the order they came
// in, in the arithmetic of a step, at any number of threads.
class RowGradient {
 public:
  // Values that need not be added up stay where they are as long as this lives.
  explicit RowGradient(const RowValues& of);

  std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(rows_.size()); }
  std::ptrdiff_t width() const { return width_; }
  Element element() const { return wide(element_); }  // of the sums
  std::ptrdiff_t row(std::ptrdiff_t k) const { return rows_[static_cast<std::size_t>(k)].row; }
  const void* values(std::ptrdiff_t k) const { return rows_[static_cast<std::size_t>(k)].values; }

  // The first of the rows with elements from an element of the array on.
  std::ptrdiff_t first_from(std::ptrdiff_t element) const;

 private:
  struct Row {
    std::ptrdiff_t row;
    const void* values;  // of the array it was made of, or a sum
  };
  // Values of row `of`, at positions `first` to `end` of the order they were sorted to.
  struct Sum {
    std::size_t of, first, end;
  };

  template <class T> void add_up(const RowValues& values, const std::vector<std::ptrdiff_t>& order,
                                 const std::vector<Sum>& sums, AlignedVector<T>& to);

  std::ptrdiff_t width_;
  Element element_;
  std::vector<Row> rows_;
  AlignedVector<float> singles_;  // sums, of either
  AlignedVector<double> doubles_;
};

}  // namespace fallline
