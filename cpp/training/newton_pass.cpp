#include "training/newton_pass.hpp"

#include <algorithm>

#include "training/parts.hpp"
#include "training/threads.hpp"

namespace fallline {
namespace {

// The Hessians of all parts may take this much memory.
constexpr std::ptrdiff_t parts_bytes = 64 << 20;

// Rows whose products outweigh what it takes to add a part to the others.
constexpr std::ptrdiff_t least_part_rows = 512;

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
  const GramKernels& gram = kernels<double>().gram;
  Scratch& scratch = scratch_[static_cast<std::size_t>(thread)];
  const std::ptrdiff_t n = rows.end - rows.begin;
  double targets[gram_rows], weights[gram_rows], margins[gram_rows], factors[gram_rows];

  X_.read(rows, columns_.columns(), thread, scratch.tile.data());
  const GramTile tile{scratch.tile.data(), columns_.lines(), n};
  gram.margins(tile, u_.data(), margins);
  if (task.margins) std::copy_n(margins, n, task.margins + rows.begin);

  const double* y = of_rows(task.targets, rows, targets);
  const double* s = task.sample_weight ? of_rows(task.sample_weight, rows, weights) : nullptr;
  part.loss += task.loss.entry->residuals(margins, y, s, factors, n, task.loss.parameters).loss;
  part.weight += sum_of_weights(s, n);
  gram.add_rows(tile, factors, part.sums.data());

  if (!task.wants_hessian) return;
  const std::ptrdiff_t begin = std::max(rows.begin, task.hessian_begin) - rows.begin;
  const std::ptrdiff_t end = std::min(rows.end, task.hessian_end) - rows.begin;
  if (begin >= end) return;
  task.loss.entry->curvatures(margins, y, factors, n, task.loss.parameters);
  for (std::ptrdiff_t k = 0; s && k < n; ++k) factors[k] *= s[k];
  gram.add_products({tile.z + begin * gram_lanes, tile.lines, end - begin}, factors + begin,
                    scratch.scaled.data(), part.sums.data() + tile.lines * gram_lanes);
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
  sums_size_ = lines * gram_lanes + (task.wants_hessian ? triangle_size(lines) : 0);
  u_.assign(static_cast<std::size_t>(lines * gram_lanes), 0.0);
  std::copy_n(task.u, columns_.n_columns(), u_.begin());

  const std::ptrdiff_t length = part_rows(n, parts_for(sums_size_), least_part_rows);
  const std::ptrdiff_t count = std::max<std::ptrdiff_t>((n + length - 1) / length, 1);
  const std::ptrdiff_t work = n * columns_.n_columns() * (task.wants_hessian ? lines : 1);
  const int threads = threads_for(work * static_cast<std::ptrdiff_t>(sizeof(double)), count);
  const auto tile_size = static_cast<std::size_t>(gram_tile_size(lines));
  scratch_.assign(static_cast<std::size_t>(threads), {AlignedVector<double>(tile_size), {}});
  if (task.wants_hessian) {
    for (Scratch& scratch : scratch_) scratch.scaled.resize(tile_size);
  }
  X_.prepare(threads);
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

void NewtonPass::read_hessian(double* out) const {
  const std::ptrdiff_t n = columns_.n_columns();
  const double* triangle = gradient() + columns_.lines() * gram_lanes;
  for (std::ptrdiff_t j = 0; j < n; ++j) {
    for (std::ptrdiff_t i = 0; i <= j; ++i) {
      out[i * n + j] = out[j * n + i] = triangle[triangle_place(i, j)];
    }
  }
}

}  // namespace fallline
