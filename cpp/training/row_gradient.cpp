#include "training/row_gradient.hpp"

#include <algorithm>
#include <array>

#include "training/narrow_arrays.hpp"
#include "training/threads.hpp"

namespace fallline {
namespace {

// Positions of the rows, sorted by row and then by position: by one digit of the row after the
// other, from the last, without branches that nobody can predict. 4096 of a million take 15 us.
std::vector<std::ptrdiff_t> sorted(const std::int64_t* rows, std::ptrdiff_t count) {
  constexpr int digit_bits = 8;
  constexpr std::int64_t digit = (1 << digit_bits) - 1;
  std::vector<std::ptrdiff_t> order(static_cast<std::size_t>(count)), next(order.size());
  std::int64_t largest = 0;
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    order[static_cast<std::size_t>(k)] = k;
    largest = std::max(largest, rows[k]);
  }
  for (int shift = 0; shift < 63 && (largest >> shift) > 0; shift += digit_bits) {
    std::array<std::size_t, digit + 2> begins{};
    for (std::ptrdiff_t k = 0; k < count; ++k) {
      ++begins[static_cast<std::size_t>((rows[k] >> shift) & digit) + 1];
    }
    for (std::size_t d = 1; d < begins.size(); ++d) begins[d] += begins[d - 1];
    for (const std::ptrdiff_t k : order) {
      next[begins[static_cast<std::size_t>((rows[k] >> shift) & digit)]++] = k;
    }
    order.swap(next);
  }
  return order;
}

// The values at a position become the sum, or are added to it.
void add_values(const RowValues& of, std::ptrdiff_t position, bool is_first, double* sum) {
  const double* x = static_cast<const double*>(of.values) + position * of.width;
  if (is_first) std::copy_n(x, of.width, sum);
  for (std::ptrdiff_t j = 0; !is_first && j < of.width; ++j) sum[j] += x[j];
}
void add_values(const RowValues& of, std::ptrdiff_t position, bool is_first, float* sum) {
  constexpr std::ptrdiff_t block_size = 1024;
  alignas(64) float copy[block_size];
  for (std::ptrdiff_t begin = 0; begin < of.width; begin += block_size) {
    const std::ptrdiff_t n = std::min(block_size, of.width - begin);
    const std::ptrdiff_t offset = (position * of.width + begin) * bytes_of(of.element);
    const float* x = widened(static_cast<const char*>(of.values) + offset, of.element, n, copy);
    if (is_first) std::copy_n(x, n, sum + begin);
    for (std::ptrdiff_t j = 0; !is_first && j < n; ++j) sum[begin + j] += x[j];
  }
}

}  // namespace

RowGradient::RowGradient(const RowValues& of) : width_(of.width), element_(of.element) {
  const std::vector<std::ptrdiff_t> order = sorted(of.rows, of.count);
  const bool is_narrow = element_ != wide(element_);
  std::vector<Sum> sums;
  rows_.reserve(order.size());
  for (std::size_t k = 0; k < order.size();) {
    const std::ptrdiff_t row = of.rows[order[k]];
    std::size_t end = k + 1;
    while (end < order.size() && of.rows[order[end]] == row) ++end;
    if (end > k + 1 || is_narrow) sums.push_back({rows_.size(), k, end});
    const std::ptrdiff_t offset = order[k] * width_ * bytes_of(element_);
    rows_.push_back({row, static_cast<const char*>(of.values) + offset});
    k = end;
  }
  if (element_ == Element::float64) {
    add_up(of, order, sums, doubles_);
  } else {
    add_up(of, order, sums, singles_);
  }
}

template <class T> void RowGradient::add_up(const RowValues& values,
                                            const std::vector<std::ptrdiff_t>& order,
                                            const std::vector<Sum>& sums, AlignedVector<T>& to) {
  const auto n = static_cast<std::ptrdiff_t>(sums.size());
  to.resize(static_cast<std::size_t>(n * width_));
  [[maybe_unused]] const int threads = threads_for(values.count * width_ * bytes_of(element_), n);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < n; ++k) {
    const Sum& sum = sums[static_cast<std::size_t>(k)];
    T* of_row = to.data() + k * width_;
    for (std::size_t i = sum.first; i < sum.end; ++i) {
      add_values(values, order[i], i == sum.first, of_row);
    }
    rows_[sum.of].values = of_row;
  }
}

std::ptrdiff_t RowGradient::first_from(std::ptrdiff_t element) const {
  const auto ends_before = [this](const Row& row, std::ptrdiff_t at) {
    return (row.row + 1) * width_ <= at;
  };
  return std::lower_bound(rows_.begin(), rows_.end(), element, ends_before) - rows_.begin();
}

}  // namespace fallline
