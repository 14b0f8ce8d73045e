#include "training/csr_loss_pass.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/gram.hpp"
#include "training/parts.hpp"
#include "training/threads.hpp"

namespace fallline {
namespace {

// A part has so many products for each of its sums, which outweigh the adding of the sums.
constexpr std::ptrdiff_t elements_per_column = 8;
constexpr std::ptrdiff_t most_parts = 16;
// The sums of all parts may take this much memory.
constexpr std::ptrdiff_t parts_bytes = 64 << 20;

template <class T, class I> class CsrLossPass {
 public:
  CsrLossPass(const CsrView<T, I>& X, const CsrLossTask& task)
      : X_(X),
        task_(task),
        n_vectors_(task.loss.n_vectors()),
        width_((X.columns + 1) * n_vectors_) {
    // The weights that belong to an element lie next to each other.
    weights_.resize(static_cast<std::size_t>(width_));
    for (std::ptrdiff_t k = 0; k < n_vectors_; ++k) {
      for (std::ptrdiff_t j = 0; j < X.columns; ++j) {
        weights_[static_cast<std::size_t>(j * n_vectors_ + k)] = task.weights[k * X.columns + j];
      }
    }
  }

  bool run(CsrLossSums& sums, Interrupt& interrupt) {
    const auto elements = static_cast<std::ptrdiff_t>(X_.starts[X_.rows] - X_.starts[0]);
    const auto bytes = static_cast<std::ptrdiff_t>(sizeof(double));
    const std::ptrdiff_t most =
        std::clamp<std::ptrdiff_t>(std::min(elements / (elements_per_column * (X_.columns + 1)),
                                            parts_bytes / (bytes * width_)),
                                   1, most_parts);
    const std::ptrdiff_t length = part_rows(X_.rows, most, gram_rows);
    const std::ptrdiff_t count = (X_.rows + length - 1) / length;
    std::vector<double> parts(static_cast<std::size_t>(count * width_));
    std::vector<double> losses(static_cast<std::size_t>(count));
    const int threads = threads_for(elements * n_vectors_ * bytes, count);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (std::ptrdiff_t part = 0; part < count; ++part) {
      // Signals can be asked for on the calling thread only, which is OpenMP's thread 0.
      Interrupt* poll = thread_number() == 0 ? &interrupt : nullptr;
      losses[static_cast<std::size_t>(part)] =
          run_part(part * length, std::min((part + 1) * length, X_.rows),
                   parts.data() + part * width_, poll, interrupt);
    }
    if (interrupt.stopped()) return false;
    add_pairwise(losses.data(), count, 1);
    add_pairwise(parts.data(), count, width_);
    sums.loss = losses.front();
    parts.resize(static_cast<std::size_t>(width_));
    sums.gradient = std::move(parts);
    return true;
  }

 private:
  double run_part(std::ptrdiff_t begin, std::ptrdiff_t end, double* gradient, Interrupt* poll,
                  const Interrupt& stop) const {
    std::vector<double> products(static_cast<std::size_t>(n_vectors_ * gram_rows));
    std::vector<double> residuals(products.size()), scratch(task_.loss.scratch_size());
    std::vector<double> of_row(static_cast<std::size_t>(n_vectors_));
    double loss = 0;
    for (std::ptrdiff_t at = begin; at < end; at += gram_rows) {
      if (poll) poll->poll();
      if (stop.stopped()) break;
      const std::ptrdiff_t n = std::min(gram_rows, end - at);
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        multiply(row_of(X_, at + i), of_row.data());
        for (std::ptrdiff_t k = 0; k < n_vectors_; ++k) {
          products[static_cast<std::size_t>(k * gram_rows + i)] =
              of_row[static_cast<std::size_t>(k)];
        }
      }
      const TileSamples samples{task_.targets + at,
                                task_.sample_weight ? task_.sample_weight + at : nullptr, n};
      loss += task_.loss.residuals(samples, products.data(), scratch.data(), residuals.data());
      const double* margins = task_.loss.margins(products.data(), scratch.data());
      for (std::ptrdiff_t k = 0; k < task_.loss.n_margins(); ++k) {
        std::copy_n(margins + k * gram_rows, n, task_.margins + k * X_.rows + at);
      }
      for (std::ptrdiff_t i = 0; i < n; ++i) {
        for (std::ptrdiff_t k = 0; k < n_vectors_; ++k) {
          of_row[static_cast<std::size_t>(k)] =
              residuals[static_cast<std::size_t>(k * gram_rows + i)];
        }
        add(row_of(X_, at + i), of_row.data(), gradient);
      }
    }
    return loss;
  }

  // The products of a row with all vectors, and their intercepts.
  void multiply(const CsrRow<T, I>& row, double* to) const {
    std::copy_n(task_.intercepts, n_vectors_, to);
    for (std::ptrdiff_t e = 0; e < row.n; ++e) {
      const auto x = static_cast<double>(row.values[e]);
      const double* w = weights_.data() + static_cast<std::ptrdiff_t>(row.indices[e]) * n_vectors_;
      for (std::ptrdiff_t k = 0; k < n_vectors_; ++k) to[k] += x * w[k];
    }
  }

  // Adds a row times the residual of each vector.
  void add(const CsrRow<T, I>& row, const double* residuals, double* gradient) const {
    for (std::ptrdiff_t e = 0; e < row.n; ++e) {
      const auto x = static_cast<double>(row.values[e]);
      double* to = gradient + static_cast<std::ptrdiff_t>(row.indices[e]) * n_vectors_;
      for (std::ptrdiff_t k = 0; k < n_vectors_; ++k) to[k] += x * residuals[k];
    }
    double* to = gradient + X_.columns * n_vectors_;
    for (std::ptrdiff_t k = 0; k < n_vectors_; ++k) to[k] += residuals[k];
  }

  CsrView<T, I> X_;
  const CsrLossTask& task_;
  std::ptrdiff_t n_vectors_, width_;
  std::vector<double> weights_;  // [column][vector]
};

}  // namespace

template <class T, class I> bool csr_loss_pass(const CsrView<T, I>& X, const CsrLossTask& task,
                                               CsrLossSums& sums, Interrupt& interrupt) {
  return CsrLossPass<T, I>(X, task).run(sums, interrupt);
}

template bool csr_loss_pass(const CsrView<float, std::int32_t>&, const CsrLossTask&, CsrLossSums&,
                            Interrupt&);
template bool csr_loss_pass(const CsrView<float, std::int64_t>&, const CsrLossTask&, CsrLossSums&,
                            Interrupt&);
template bool csr_loss_pass(const CsrView<double, std::int32_t>&, const CsrLossTask&, CsrLossSums&,
                            Interrupt&);
template bool csr_loss_pass(const CsrView<double, std::int64_t>&, const CsrLossTask&, CsrLossSums&,
                            Interrupt&);

}  // namespace fallline
