// Some rows of a sparse data set, side by side for the kernels.
#pragma once

#include <algorithm>
#include <vector>

#include "core/csr.hpp"
#include "kernels/table.hpp"

namespace fallline {

// Rows between the one worked on and the one brought into the cache: 4 to 8 measured alike.
constexpr std::ptrdiff_t rows_ahead = 8;

template <class T, class I> struct CsrBlock {
  std::vector<CsrRow<T, I>> rows, ahead;
  std::vector<T> targets, sample_weight, margins, residuals;
  std::ptrdiff_t n_elements = 0;

  std::ptrdiff_t n_rows() const { return static_cast<std::ptrdiff_t>(rows.size()); }

  // Positions are known up to `end`, which may lie beyond those that are gathered.
  void gather(const CsrSamples<T, I>& samples, const Rows& positions, std::ptrdiff_t end) {
    const auto n = static_cast<std::size_t>(positions.end - positions.begin);
    if (n != rows.size()) resize(n);
    n_elements = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const std::ptrdiff_t at = positions.begin + static_cast<std::ptrdiff_t>(k);
      const std::ptrdiff_t row = positions.order ? positions.order[at] : at;
      rows[k] = row_of(samples.X, row);
      ahead[k] = {};
      if (at + rows_ahead < end) {
        const std::ptrdiff_t next = at + rows_ahead;
        ahead[k] = row_of(samples.X, positions.order ? positions.order[next] : next);
      }
      targets[k] = samples.targets[row];
      sample_weight[k] = samples.sample_weight ? samples.sample_weight[row] : T(1);
      n_elements += rows[k].n;
    }
  }

  // From margins to residuals, adding to the sums.
  void add_losses(const BoundLoss<T>& loss, Sums& sums) {
    constexpr std::ptrdiff_t length = 64;  // sums of T are no longer than that
    for (std::ptrdiff_t k = 0; k < n_rows(); k += length) {
      const LossSums losses = loss.entry->residuals(
          margins.data() + k, targets.data() + k, sample_weight.data() + k, residuals.data() + k,
          std::min(length, n_rows() - k), loss.parameters);
      sums.loss += losses.loss;
      sums.intercept_gradient += losses.residual;
    }
    for (const T weight : sample_weight) sums.weight += static_cast<double>(weight);
  }

 private:
  void resize(std::size_t n) {
    rows.resize(n);
    ahead.resize(n);
    for (auto* column : {&targets, &sample_weight, &margins, &residuals}) column->resize(n);
  }
};

}  // namespace fallline
