// One pass over a range of rows for many heads: as Pass, with sums for each head.
#pragma once

#include <vector>

#include "core/aligned.hpp"
#include "core/interrupt.hpp"
#include "kernels/table.hpp"
#include "training/head_layout.hpp"

namespace fallline {

template <class T> class HeadPass {
 public:
  HeadPass(const HeadLossEntry<T>& loss, std::vector<double> loss_parameters,
           const HeadSamples<T>& samples, bool wants_gradient);

  // How weights and gradient lie.
  const HeadLayout<T>& layout() const { return layout_; }

  // Sums over the rows; weights and intercepts as a HeadTileTask has them. False if the user
  // interrupted: the sums are then worthless.
  bool run(const Rows& rows, const T* w, const T* intercepts, Interrupt& interrupt);

  // Of the last run; one per head, padded to lines.
  const double* loss() const { return sums_.data(); }
  const double* weight() const { return sums_.data() + width_; }
  const double* intercept_gradient() const { return sums_.data() + 2 * width_; }
  // d sum(loss) / dw, as the weights lie; summed in float64 where there is more than one tile.
  const T* gradient() const { return gradient_.data(); }

 private:
  bool run_tile(const Rows& rows, const T* w, const T* intercepts, T* block, T* gradient,
                double* sums, Interrupt* poll, const Interrupt& stop) const;
  void run_part(const Rows& rows, const T* w, const T* intercepts, std::ptrdiff_t part, T* scratch,
                Interrupt* poll, const Interrupt& stop);

  const KernelTable<T>& kernels_;
  const HeadLossEntry<T>& loss_;
  std::vector<double> loss_parameters_;
  HeadSamples<T> samples_;
  HeadLayout<T> layout_;
  std::ptrdiff_t width_;          // heads, padded to lines
  std::ptrdiff_t block_size_;     // scratch of one block
  std::ptrdiff_t gradient_size_;  // 0 when no gradient is wanted
  AlignedVector<double> sums_, part_sums_, parts_;
  AlignedVector<T> gradient_, scratch_;
};

}  // namespace fallline
