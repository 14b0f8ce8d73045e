// The rows that a pass is at, as the kernels read them.
#pragma once

#include "core/aligned.hpp"
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

// Rows of a source that must be unpacked first, a window of them at a time; rows that can be read
// in place are left where they are. One thread's own.
template <class T> class Window {
 public:
  Window(const KernelTable<T>& kernels, const MatrixView<T>& X);

  // Most rows in one tile: whole blocks of the tile kernel, so that the bits of a pass do not
  // depend on the source.
  std::ptrdiff_t rows() const { return rows_; }

  // Makes the task's rows, at most rows(), readable. What has to be unpacked goes on up to the
  // position `limit`, for the tiles that come next.
  void show(TileTask<T>& task, std::ptrdiff_t limit);

  // Positions mean other rows from now on.
  void forget() { end_ = begin_; }

  // Rows [begin, end) of a matrix, until the next call.
  MatrixView<T> view(const MatrixView<T>& X, std::ptrdiff_t begin, std::ptrdiff_t end);

 private:
  void fill(const Samples<T>& samples, const Rows& rows);

  std::ptrdiff_t rows_;
  std::ptrdiff_t stride_;
  std::ptrdiff_t begin_ = 0, end_ = 0;  // positions of the rows unpacked
  AlignedVector<T> X_, targets_, sample_weight_;
};

}  // namespace fallline
