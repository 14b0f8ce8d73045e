// SAGA and SVRG: stochastic gradient descent whose noise dies away, as a row's gradient is compared
// with what is remembered of it. One row a step, in float64 whatever X is made of.
#pragma once

#include <cstdint>
#include <vector>

#include "training/loop.hpp"
#include "training/row_losses.hpp"
#include "training/row_reader.hpp"

namespace fallline {

// What is remembered of a row: its derivative when its turn came last (SAGA: Defazio, Bach &
// Lacoste-Julien 2014), or at the weights of the last snapshot, for which all rows are visited
// every other epoch (SVRG: Johnson & Zhang 2013).
enum class Memory { last_turn, snapshot };

struct VarianceOptions {
  Memory memory;
  bool line_search;  // learning rates multiply 1 / L, L the curvature found along the rows
  bool fit_intercept;
  double l2;
  double l1;
  std::vector<double> loss_parameters;
};

class VarianceReduced {
 public:
  VarianceReduced(AnyReader X, const double* targets, const double* sample_weight,
                  const LossEntry<double>& loss, VarianceOptions options);

  bool train(const Batches& batches, Chunk& chunk, Interrupt& interrupt);

  std::ptrdiff_t n_samples() const { return n_samples_; }
  std::ptrdiff_t n_features() const { return static_cast<std::ptrdiff_t>(w_.size()); }
  std::ptrdiff_t rates_per_step() const { return 1; }
  std::vector<double>& weights() { return w_; }
  double& intercept() { return intercept_; }
  double learning_rate() const { return learning_rate_; }  // of the last step
  std::int64_t snapshots() const { return snapshots_; }    // each a pass over all rows

 private:
  template <class Reader>
  bool descend(Reader& X, const Batches& batches, Chunk& chunk, Interrupt& interrupt);
  template <class Row> void step(const Row& row, std::ptrdiff_t i, double derivative);
  bool take_snapshot(Interrupt& interrupt);
  double searched_rate(std::ptrdiff_t i, double margin, double loss, double derivative,
                       double squared_norm);

  AnyReader X_;
  std::ptrdiff_t n_samples_;
  VarianceOptions options_;
  RowLosses losses_;  // with weights whose mean is 1; parameters lie in options_
  std::vector<double> w_, derivatives_, mean_gradient_;
  std::vector<double> rarity_;  // of sparse columns: rows to a stored element
  double intercept_ = 0, mean_derivative_ = 0;
  double smoothness_ = 0;  // L
  double halving_;         // of L from row to row
  double learning_rate_ = 0;
  std::int64_t snapshots_ = 0;
};

}  // namespace fallline
