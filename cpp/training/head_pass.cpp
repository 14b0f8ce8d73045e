#include "training/head_pass.hpp"

#include <algorithm>
#include <utility>

#include "training/parts.hpp"
#include "training/pass.hpp"
#include "training/threads.hpp"

namespace fallline {
namespace {

// The gradients of all parts may take this much memory: many heads of many features get few parts.
constexpr std::ptrdiff_t parts_bytes = 64 << 20;

std::ptrdiff_t parts_for(std::ptrdiff_t gradient_size) {
  const auto bytes =
      static_cast<std::ptrdiff_t>(sizeof(double)) * std::max<std::ptrdiff_t>(gradient_size, 1);
  return std::clamp<std::ptrdiff_t>(parts_bytes / bytes, 1, max_parts);
}

}  // namespace

template <class T>
HeadPass<T>::HeadPass(const HeadLossEntry<T>& loss, std::vector<double> loss_parameters,
                      const HeadSamples<T>& samples, bool wants_gradient)
    : kernels_(kernels<T>()),
      loss_(loss),
      loss_parameters_(std::move(loss_parameters)),
      samples_(samples),
      layout_(samples),
      width_(head_lines<T>(samples.n_heads) * head_lanes<T>),
      block_size_(head_block_rows *
                  (width_ + (samples.X.unpack ? padded_size<T>(samples.X.columns) : 0))),
      gradient_size_(wants_gradient ? layout_.size() : 0) {
  sums_.resize(static_cast<std::size_t>(3 * width_));
  gradient_.resize(static_cast<std::size_t>(gradient_size_));
}

// A tile call that hears interrupts where the rows are long or the heads many.
template <class T> bool HeadPass<T>::run_tile(const Rows& rows, const T* w, const T* intercepts,
                                              T* block, T* gradient, double* sums, Interrupt* poll,
                                              const Interrupt& stop) const {
  const std::ptrdiff_t length = visit_rows(samples_.X.columns * head_lines<T>(samples_.n_heads));
  const auto tile = layout_.features_in_lanes() ? kernels_.feature_tile : kernels_.head_tile;
  for (Rows visit = rows; visit.begin < rows.end; visit.begin = visit.end) {
    if (visit.begin > rows.begin) {
      if (poll) poll->poll();
      if (stop.stopped()) return false;
    }
    visit.end = std::min(visit.begin + length, rows.end);
    tile({samples_, visit, w, intercepts, &loss_, loss_parameters_.data(), block,
          block + width_ * head_block_rows, gradient_size_ ? gradient : nullptr},
         {sums, sums + width_, sums + 2 * width_});
  }
  return true;
}

template <class T> void HeadPass<T>::run_part(const Rows& rows, const T* w, const T* intercepts,
                                              std::ptrdiff_t part, T* scratch, Interrupt* poll,
                                              const Interrupt& stop) {
  T* const tile_gradient = scratch + block_size_;
  double* const sums = part_sums_.data() + part * 3 * width_;
  double* const gradient = parts_.data() + part * gradient_size_;
  for (std::ptrdiff_t begin = rows.begin; begin < rows.end; begin += tile_rows) {
    if (poll) poll->poll();
    if (stop.stopped()) return;
    std::fill(tile_gradient, tile_gradient + gradient_size_, T(0));
    const Rows tile{rows.order, begin, std::min(begin + tile_rows, rows.end), rows.known};
    if (!run_tile(tile, w, intercepts, scratch, tile_gradient, sums, poll, stop)) return;
    for (std::ptrdiff_t j = 0; j < gradient_size_; ++j) {
      gradient[j] += static_cast<double>(tile_gradient[j]);
    }
  }
}

template <class T>
bool HeadPass<T>::run(const Rows& rows, const T* w, const T* intercepts, Interrupt& interrupt) {
  const std::ptrdiff_t n = rows.end - rows.begin;
  const std::ptrdiff_t scratch_size = block_size_ + gradient_size_;
  if (n <= tile_rows) {  // no float64 detour, and the same bits without it
    scratch_.resize(static_cast<std::size_t>(scratch_size));
    std::fill(sums_.begin(), sums_.end(), 0.0);
    std::fill(gradient_.begin(), gradient_.end(), T(0));
    return run_tile(rows, w, intercepts, scratch_.data(), gradient_.data(), sums_.data(),
                    &interrupt, interrupt);
  }
  const std::ptrdiff_t length = part_rows(n, parts_for(gradient_size_));
  const std::ptrdiff_t count = (n + length - 1) / length;
  const std::ptrdiff_t work = n * samples_.X.columns * head_lines<T>(samples_.n_heads);
  const int threads = threads_for(work * static_cast<std::ptrdiff_t>(sizeof(T)), count);
  part_sums_.assign(static_cast<std::size_t>(count * 3 * width_), 0.0);
  parts_.assign(static_cast<std::size_t>(count * gradient_size_), 0.0);
  scratch_.resize(static_cast<std::size_t>(threads * scratch_size));

#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    const Rows part{rows.order, rows.begin + k * length,
                    std::min(rows.begin + (k + 1) * length, rows.end), rows.known};
    const int thread = thread_number();
    // Signals can be asked for on the calling thread only, which is OpenMP's thread 0.
    run_part(part, w, intercepts, k, scratch_.data() + thread * scratch_size,
             thread == 0 ? &interrupt : nullptr, interrupt);
  }
  if (interrupt.stopped()) return false;
  add_pairwise(part_sums_.data(), count, 3 * width_);
  add_pairwise(parts_.data(), count, gradient_size_);
  std::copy_n(part_sums_.begin(), 3 * width_, sums_.begin());
  std::transform(parts_.begin(), parts_.begin() + gradient_size_, gradient_.begin(),
                 [](double g) { return static_cast<T>(g); });
  return true;
}

template class HeadPass<float>;
template class HeadPass<double>;

}  // namespace fallline
