// One pass over sparse rows for a loss of several products of each row: the sums of losses and of
// their gradients, at a cost that depends on the stored elements alone, with the same bits at any
// number of threads.
#pragma once

#include <vector>

#include "core/csr.hpp"
#include "core/interrupt.hpp"
#include "training/row_loss.hpp"

namespace fallline {

struct CsrLossTask {
  const RowLoss& loss;
  const double* targets;
  const double* sample_weight;  // null: every row weighs 1
  const double* weights;        // [vector][column]
  const double* intercepts;     // of each vector
  double* margins;              // [margin][row]
};

struct CsrLossSums {
  double loss = 0;
  std::vector<double> gradient;  // [column][vector], and behind the last column the intercepts
};

// False if the user interrupted: the sums are then worthless.
template <class T, class I> bool csr_loss_pass(const CsrView<T, I>& X, const CsrLossTask& task,
                                               CsrLossSums& sums, Interrupt& interrupt);

}  // namespace fallline
