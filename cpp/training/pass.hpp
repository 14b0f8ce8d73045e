// One pass over a range of rows: sums of losses and gradients, with the same bits at any number of
// threads.
#pragma once

#include "core/aligned.hpp"
#include "core/interrupt.hpp"
#include "kernels/table.hpp"
#include "training/parts.hpp"
#include "training/window.hpp"

namespace fallline {

// A tile call through a window, which may look ahead as far as the position `limit`. It hears
// interrupts where the rows are long; poll is null on threads that may not ask for signals. False
// if the user interrupted.
template <class T> bool run_tile(const KernelTable<T>& kernels, const TileTask<T>& task,
                                 Window<T>& window, std::ptrdiff_t limit, Sums& sums,
                                 Interrupt* poll, const Interrupt& stop);

template <class T> class Pass {
 public:
  Pass(const KernelTable<T>& kernels, const BoundLoss<T>& loss, const Samples<T>& samples,
       bool wants_gradient);

  // Sums over the rows; w is padded. False if the user interrupted: the sums are then worthless.
  bool run(const Rows& rows, const T* w, double intercept, Interrupt& interrupt);

  const Sums& sums() const { return sums_; }
  // d sum(loss) / dw, padded; valid until the next run.
  const double* gradient() const { return parts_.data(); }

 private:
  void run_part(const Rows& rows, const T* w, double intercept, Window<T>& window, T* scratch,
                double* gradient, Sums& sums, Interrupt* interrupt, const Interrupt& stop) const;

  const KernelTable<T>& kernels_;
  BoundLoss<T> loss_;
  Samples<T> samples_;
  std::ptrdiff_t width_;  // padded columns; 0 when no gradient is wanted
  AlignedVector<double> parts_;
  AlignedVector<T> scratch_;
  std::vector<Window<T>> windows_;  // one per thread
  Sums sums_;
};

}  // namespace fallline
