// One pass over rows for a second-order step: the sums of losses, of their gradients and of their
// Hessians in the weights of standardised columns, with the same bits at any number of threads.
#pragma once

#include <vector>

#include "core/interrupt.hpp"
#include "training/row_loss.hpp"
#include "training/standard_rows.hpp"

namespace fallline {

struct NewtonTask {
  const RowLoss& loss;
  const double* targets;        // of every row of X
  const double* sample_weight;  // likewise; null: every row weighs 1
  const double* u;              // vectors of weights of the standardised columns, each with
                                // its intercept last
  Rows rows;
  double* margins;  // [margin][position]; null: not wanted
  bool wants_hessian;
  std::ptrdiff_t hessian_begin, hessian_end;  // positions of the rows that it is of
};

class NewtonPass {
 public:
  NewtonPass(const StandardRows& X, const Standardizer& standardizer)
      : X_(X), columns_(standardizer) {}

  // False if the user interrupted: the sums are then worthless.
  bool run(const NewtonTask& task, Interrupt& interrupt);

  // Of the last run.
  double loss() const { return parts_.front().loss; }
  double weight() const { return parts_.front().weight; }
  void read_gradient(double* out) const;
  // Symmetric, row-major, of all columns of all vectors.
  void read_hessian(double* out) const;

 private:
  struct Part {
    double loss = 0, weight = 0;
    // The gradients, padded, and then of each pair of vectors the triangle of its Hessian, which is
    // symmetric too.
    AlignedVector<double> sums;
  };
  struct Scratch {
    std::unique_ptr<StandardTile> tile;
    AlignedVector<double> products, residuals, loss;
  };

  void run_part(const NewtonTask& task, const Rows& rows, int thread, Part& part,
                Interrupt* interrupt, const Interrupt& stop);
  void run_tile(const NewtonTask& task, const Rows& rows, int thread, Part& part);
  void add_hessian(const NewtonTask& task, const Rows& rows, const TileSamples& samples,
                   Scratch& scratch, double* triangles) const;
  std::ptrdiff_t width() const { return columns_.lines() * gram_lanes; }
  void add_parts(int threads);

  const StandardRows& X_;
  const Standardizer& columns_;
  AlignedVector<double> u_;
  std::ptrdiff_t n_vectors_ = 0, sums_size_ = 0;
  std::vector<Part> parts_;
  std::vector<Scratch> scratch_;  // of each thread
};

}  // namespace fallline
