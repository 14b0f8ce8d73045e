#include "training/moments.hpp"

#include <algorithm>
#include <functional>

#include "training/threads.hpp"

namespace fallline {
namespace {

// The sums of centered_sums over all rows, in fixed parts that are added pairwise.
template <class T> class CenteredSums {
 public:
  CenteredSums(const MatrixView<T>& X, const T* sample_weight)
      : X_(X), sample_weight_(sample_weight), width_(padded_size<double>(X.columns)) {}

  bool run(const double* center, Interrupt& interrupt) {
    const std::ptrdiff_t length = part_rows(X_.rows);
    const std::ptrdiff_t count = (X_.rows + length - 1) / length;
    const std::ptrdiff_t bytes = X_.rows * X_.columns * static_cast<std::ptrdiff_t>(sizeof(T));
    const int threads = threads_for(bytes, count);
    parts_.assign(static_cast<std::size_t>(count * 2 * width_), 0.0);
    Window<T> window(kernels<T>(), X_);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) \
    firstprivate(window) if (threads > 1)
    for (std::ptrdiff_t k = 0; k < count; ++k) {
      add(window, k * length, std::min((k + 1) * length, X_.rows), center, part(k), interrupt);
    }
    for (std::ptrdiff_t stride = 1; stride < count; stride *= 2) {
      for (std::ptrdiff_t k = 0; k + stride < count; k += 2 * stride) {
        std::transform(part(k), part(k) + 2 * width_, part(k + stride), part(k), std::plus<>());
      }
    }
    return !interrupt.stopped();
  }

  const double* sums() const { return parts_.data(); }
  const double* squares() const { return parts_.data() + width_; }

 private:
  double* part(std::ptrdiff_t k) { return parts_.data() + k * 2 * width_; }

  void add(Window<T>& window, std::ptrdiff_t begin, std::ptrdiff_t end, const double* center,
           double* part, Interrupt& interrupt) const {
    const std::ptrdiff_t step = window.rows();
    for (; begin < end; begin += step) {
      if (thread_number() == 0) interrupt.poll();  // only the calling thread may ask for signals
      if (interrupt.stopped()) return;
      const T* weights = sample_weight_ ? sample_weight_ + begin : nullptr;
      kernels<T>().centered_sums(window.view(X_, begin, std::min(begin + step, end)), weights,
                                 center, part, part + width_);
    }
  }

  const MatrixView<T>& X_;
  const T* sample_weight_;
  std::ptrdiff_t width_;
  AlignedVector<double> parts_;
};

}  // namespace

template <class T> bool column_moments(const MatrixView<T>& X, const T* sample_weight, double* mean,
                                       double* variance, Interrupt& interrupt) {
  const double total = sum_of_weights(sample_weight, X.rows);
  CenteredSums<T> pass(X, sample_weight);
  AlignedVector<double> center(static_cast<std::size_t>(padded_size<double>(X.columns)));
  if (!pass.run(center.data(), interrupt)) return false;
  std::transform(pass.sums(), pass.sums() + X.columns, center.begin(),
                 [total](double sum) { return sum / total; });
  if (!pass.run(center.data(), interrupt)) return false;
  for (std::ptrdiff_t j = 0; j < X.columns; ++j) {
    const double correction = pass.sums()[j] / total;
    mean[j] = center[static_cast<std::size_t>(j)] + correction;
    variance[j] = std::max(pass.squares()[j] / total - correction * correction, 0.0);
  }
  return true;
}

template bool column_moments(const MatrixView<float>&, const float*, double*, double*, Interrupt&);
template bool column_moments(const MatrixView<double>&, const double*, double*, double*,
                             Interrupt&);

}  // namespace fallline
