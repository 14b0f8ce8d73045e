// One pass over a range of rows: sums of losses and gradients, with the same bits at any number of
// threads.
#pragma once

#include "core/aligned.hpp"
#include "core/interrupt.hpp"
#include "kernels/table.hpp"
#include "training/parts.hpp"

namespace fallline {

// Elements of X between two looks at the user's signals, and how many rows that is: whole blocks of
// the tile kernel, so that the bits are those of one call.
constexpr std::ptrdiff_t visit_elements = 1 << 20;
inline std::ptrdiff_t visit_rows(std::ptrdiff_t columns) {
  const std::ptrdiff_t rows = visit_elements / (columns > 0 ? columns : 1) / 16 * 16;
  return rows < 16 ? 16 : rows > tile_rows ? tile_rows : rows;
}

// A tile call that hears interrupts where the rows are long. poll is null on threads that may not
// ask for signals. False if the user interrupted.
template <class T> bool run_tile(const KernelTable<T>& kernels, const TileTask<T>& task, Sums& sums,
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
  void run_part(const Rows& rows, const T* w, double intercept, T* scratch, double* gradient,
                Sums& sums, Interrupt* interrupt, const Interrupt& stop) const;

  const KernelTable<T>& kernels_;
  BoundLoss<T> loss_;
  Samples<T> samples_;
  std::ptrdiff_t width_;  // padded columns; 0 when no gradient is wanted
  AlignedVector<double> parts_;
  AlignedVector<T> scratch_;
  Sums sums_;
};

}  // namespace fallline
