#include "training/newton_pass.hpp"

#include <algorithm>

#include "training/parts.hpp"
#include "training/threads.hpp"

namespace fallline {
namespace {

// The Hessians of all parts may take this much memory.
constexpr std::ptrdiff_t parts_bytes = 64 << 20;

// Of a part, at least: its products then outweigh what it takes to add it to the others.
constexpr std::ptrdiff_t least_part_rows = 512;
constexpr double least_products_per_sum = 32;

std::ptrdiff_t least_rows(std::ptrdiff_t lines, double mean_products) {
  const double sums = static_cast<double>(triangle_size(lines));
  const auto rows = static_cast<std::ptrdiff_t>(least_products_per_sum * sums / mean_products);
  return std::max(least_part_rows, rows - rows % gram_rows);
}

std::ptrdiff_t parts_for(std::ptrdiff_t sums_size) {
  const auto bytes = static_cast<std::ptrdiff_t>(sizeof(double)) * (sums_size + 1);
  return std::clamp<std::ptrdiff_t>(parts_bytes / bytes, 1, max_parts);
}

// Targets or weights of the rows of a tile, next to each other.
const double* of_rows(const double* values, const Rows& rows, double* gathered) {
  if (!rows.order) return values + rows.begin;
  std::transform(rows.order + rows.begin, rows.order + rows.end, gathered,
                 [values](std::int64_t row) { return values[row]; });
  return gathered;
}

}  // namespace

void NewtonPass::run_tile(const NewtonTask& task, const Rows& rows, int thread, Part& part) {
  Scratch& scratch = scratch_[static_cast<std::size_t>(thread)];
  const std::ptrdiff_t n = rows.end - rows.begin;
  double targets[gram_rows], weights[gram_rows];

  scratch.tile->read(rows);
  for (std::ptrdiff_t k = 0; k < n_vectors_; ++k) {
    scratch.tile->margins(u_.data() + k * width(), scratch.products.data() + k * gram_rows);
  }
  const TileSamples samples{
      of_rows(task.targets, rows, targets),
      task.sample_weight ? of_rows(task.sample_weight, rows, weights) : nullptr, n};
  part.loss += task.loss.residuals(samples, scratch.products.data(), scratch.loss.data(),
                                   scratch.residuals.data());
  part.weight += sum_of_weights(samples.sample_weight, n);
  for (std::ptrdiff_t k = 0; k < n_vectors_; ++k) {
    scratch.tile->add_rows(scratch.residuals.data() + k * gram_rows,
                           part.sums.data() + k * width());
  }
  if (task.margins) {
    const double* margins = task.loss.margins(scratch.products.data(), scratch.loss.data());
    const std::ptrdiff_t n_positions = task.rows.end - task.rows.begin;
    for (std::ptrdiff_t k = 0; k < task.loss.n_margins(); ++k) {
      std::copy_n(margins + k * gram_rows, n, task.margins + k * n_positions + rows.begin);
    }
  }
  if (task.wants_hessian) {
    add_hessian(task, rows, samples, scratch, part.sums.data() + n_vectors_ * width());
  }
}

void NewtonPass::add_hessian(const NewtonTask& task, const Rows& rows, const TileSamples& samples,
                             Scratch& scratch, double* triangles) const {
  const std::ptrdiff_t begin = std::max(rows.begin, task.hessian_begin) - rows.begin;
  const std::ptrdiff_t end = std::min(rows.end, task.hessian_end) - rows.begin;
  if (begin >= end) return;
  double factors[gram_rows];
  for (std::ptrdiff_t l = 0; l < n_vectors_; ++l) {
    for (std::ptrdiff_t k = 0; k <= l; ++k) {
      task.loss.curvatures(samples, scratch.products.data(), scratch.loss.data(), k, l, factors);
      scratch.tile->add_products(begin, end, factors, triangles);
      triangles += triangle_size(columns_.lines());
    }
  }
}

void NewtonPass::run_part(const NewtonTask& task, const Rows& rows, int thread, Part& part,
                          Interrupt* interrupt, const Interrupt& stop) {
  part.sums.resize(static_cast<std::size_t>(sums_size_));
  for (std::ptrdiff_t begin = rows.begin; begin < rows.end; begin += gram_rows) {
    if (interrupt) interrupt->poll();
    if (stop.stopped()) return;
    run_tile(task, {rows.order, begin, std::min(begin + gram_rows, rows.end)}, thread, part);
  }
}

bool NewtonPass::run(const NewtonTask& task, Interrupt& interrupt) {
  const Rows& rows = task.rows;
  const std::ptrdiff_t n = rows.end - rows.begin, lines = columns_.lines();
  n_vectors_ = task.loss.n_vectors();
  const std::ptrdiff_t pairs = task.wants_hessian ? n_vectors_ * (n_vectors_ + 1) / 2 : 0;
  sums_size_ = n_vectors_ * width() + pairs * triangle_size(lines);
  u_.assign(static_cast<std::size_t>(n_vectors_ * width()), 0.0);
  for (std::ptrdiff_t k = 0; k < n_vectors_; ++k) {
    std::copy_n(task.u + k * columns_.n_columns(), columns_.n_columns(), u_.begin() + k * width());
  }

  const std::ptrdiff_t least = least_rows(lines, X_.mean_products(columns_));
  const std::ptrdiff_t length = part_rows(n, parts_for(sums_size_), least);
  const std::ptrdiff_t count = std::max<std::ptrdiff_t>((n + length - 1) / length, 1);
  const std::ptrdiff_t work = n * columns_.n_columns() * (n_vectors_ + pairs * lines);
  const int threads = threads_for(work * static_cast<std::ptrdiff_t>(sizeof(double)), count);
  const AlignedVector<double> of_vectors(static_cast<std::size_t>(n_vectors_ * gram_rows));
  scratch_.clear();
  for (int k = 0; k < threads; ++k) {
    scratch_.push_back({X_.tile(columns_), of_vectors, of_vectors,
                        AlignedVector<double>(task.loss.scratch_size())});
  }
  parts_.assign(static_cast<std::size_t>(count), {});

#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (threads > 1)
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    const Rows part{rows.order, rows.begin + k * length,
                    std::min(rows.begin + (k + 1) * length, rows.end)};
    const int thread = thread_number();
    // Signals can be asked for on the calling thread only, which is OpenMP's thread 0.
    run_part(task, part, thread, parts_[static_cast<std::size_t>(k)],
             thread == 0 ? &interrupt : nullptr, interrupt);
  }
  if (interrupt.stopped()) return false;
  add_parts(threads);
  return true;
}

// Pairwise, as add_pairwise does it, a range of the sums at a time.
void NewtonPass::add_parts(int threads) {
  constexpr std::ptrdiff_t range = 4096;
  const auto count = parts_.size();
  for (std::size_t stride = 1; stride < count; stride *= 2) {
    for (std::size_t k = 0; k + stride < count; k += 2 * stride) {
      parts_[k].loss += parts_[k + stride].loss;
      parts_[k].weight += parts_[k + stride].weight;
    }
  }
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (std::ptrdiff_t begin = 0; begin < sums_size_; begin += range) {
    const std::ptrdiff_t end = std::min(begin + range, sums_size_);
    for (std::size_t stride = 1; stride < count; stride *= 2) {
      for (std::size_t k = 0; k + stride < count; k += 2 * stride) {
        double* to = parts_[k].sums.data();
        const double* from = parts_[k + stride].sums.data();
        for (std::ptrdiff_t j = begin; j < end; ++j) to[j] += from[j];
      }
    }
  }
}

void NewtonPass::read_gradient(double* out) const {
  const std::ptrdiff_t n = columns_.n_columns();
  for (std::ptrdiff_t k = 0; k < n_vectors_; ++k) {
    std::copy_n(parts_.front().sums.data() + k * width(), n, out + k * n);
  }
}

void NewtonPass::read_hessian(double* out) const {
  const std::ptrdiff_t n = columns_.n_columns(), size = n_vectors_ * n;
  const double* triangle = parts_.front().sums.data() + n_vectors_ * width();
  for (std::ptrdiff_t l = 0; l < n_vectors_; ++l) {
    for (std::ptrdiff_t k = 0; k <= l; ++k, triangle += triangle_size(columns_.lines())) {
      double *upper = out + k * n * size + l * n, *lower = out + l * n * size + k * n;
      for (std::ptrdiff_t j = 0; j < n; ++j) {
        for (std::ptrdiff_t i = 0; i <= j; ++i) {
          const double sum = triangle[triangle_place(i, j)];
          upper[i * size + j] = upper[j * size + i] = sum;
          lower[i * size + j] = lower[j * size + i] = sum;
        }
      }
    }
  }
}

}  // namespace fallline
