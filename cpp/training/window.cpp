#include "training/window.hpp"

#include <algorithm>
#include <cstdlib>

namespace fallline {
namespace {

// Converted rows are used at once and should still be in the first-level cache. Columns are read in
// runs as long as the window is high, so theirs is as large as the second-level cache likes.
constexpr std::ptrdiff_t bytes_by_row = 16 * 1024;
constexpr std::ptrdiff_t bytes_by_column = 256 * 1024;

}  // namespace

template <class T> Window<T>::Window(const KernelTable<T>& kernels, const MatrixView<T>& X)
    : rows_(visit_rows(X.columns)), stride_(padded_size<T>(X.columns)) {
  if (!X.unpack) return;
  const bool by_row = std::abs(X.elements.row_stride) > std::abs(X.elements.column_stride);
  const std::ptrdiff_t bytes = by_row ? bytes_by_row : bytes_by_column;
  const std::ptrdiff_t block = kernels.block_rows(X.columns);
  const std::ptrdiff_t row_bytes = stride_ * static_cast<std::ptrdiff_t>(sizeof(T));
  rows_ = std::min(rows_, std::max<std::ptrdiff_t>(bytes / row_bytes / block, 1) * block);
}

template <class T> void Window<T>::show(TileTask<T>& task, std::ptrdiff_t limit) {
  if (!task.samples.X.unpack) return;
  Rows rows = task.rows;
  if (rows.begin < begin_ || rows.end > end_) {
    rows.end = std::min(rows.begin + rows_, limit);
    fill(task.samples, rows);
  }
  const MatrixView<T>& X = task.samples.X;
  const bool copied = task.rows.order;
  const T* targets = copied ? targets_.data() : task.samples.targets + begin_;
  const T* weights = task.samples.sample_weight;
  if (weights) weights = copied ? sample_weight_.data() : weights + begin_;
  task.samples = {{X_.data(), end_ - begin_, X.columns, stride_}, targets, weights};
  task.rows = {nullptr, task.rows.begin - begin_, task.rows.end - begin_};
}

template <class T> void Window<T>::fill(const Samples<T>& samples, const Rows& rows) {
  const std::ptrdiff_t n = rows.end - rows.begin;
  begin_ = rows.begin;
  end_ = rows.end;
  X_.resize(static_cast<std::size_t>(rows_ * stride_));
  samples.X.unpack(samples.X, rows, X_.data(), stride_);
  if (!rows.order) return;
  const auto gather = [&](const T* from, AlignedVector<T>& to) {
    to.resize(static_cast<std::size_t>(n));
    std::transform(rows.order + rows.begin, rows.order + rows.end, to.begin(),
                   [from](std::int64_t row) { return from[row]; });
  };
  gather(samples.targets, targets_);
  if (samples.sample_weight) gather(samples.sample_weight, sample_weight_);
}

template <class T>
MatrixView<T> Window<T>::view(const MatrixView<T>& X, std::ptrdiff_t begin, std::ptrdiff_t end) {
  if (!X.unpack) return {X.data + begin * X.stride, end - begin, X.columns, X.stride};
  X_.resize(static_cast<std::size_t>((end - begin) * stride_));
  X.unpack(X, {nullptr, begin, end}, X_.data(), stride_);
  return {X_.data(), end - begin, X.columns, stride_};
}

template class Window<float>;
template class Window<double>;

}  // namespace fallline
