// Margins, residuals and gradient of a tile of rows for many heads, block by block.
#pragma once

// What to bring into the cache while a row is worked on: the same row of the next block, or what
// follows in the row's own stream.
template <class T>
FALLLINE_INLINE const T* after(const T* row, const MatrixView<T>& X, const Rows& rows) {
  if (!rows.order) return row + head_block_rows * X.stride;
  return rows.streams ? row + X.columns + stream_distance / static_cast<std::ptrdiff_t>(sizeof(T))
                      : row;
}

// Products says what lies along the lanes: HeadLanes or FeatureLanes.
template <class Products, class T>
void head_tile(const HeadTileTask<T>& task, const HeadSums& sums) {
  const MatrixView<T>& X = task.samples.X;
  const std::ptrdiff_t stride = lines_of<T>(X.columns) * vec<T>::size;  // of unpacked rows
  std::ptrdiff_t rows[head_block_rows];
  const T* x[head_block_rows];
  const T* later[head_block_rows];
  for (std::ptrdiff_t begin = task.rows.begin; begin < task.rows.end; begin += head_block_rows) {
    const std::ptrdiff_t left = task.rows.end - begin;
    const std::ptrdiff_t n_rows = left < head_block_rows ? left : head_block_rows;
    if (X.unpack) {
      X.unpack(X, {task.rows.order, begin, begin + n_rows}, task.unpacked, stride);
    }
    for (std::ptrdiff_t k = 0; k < head_block_rows; ++k) {
      // Past the last row it is taken again; nobody looks at its margins.
      const std::ptrdiff_t at = k < n_rows ? k : n_rows - 1;
      rows[k] = task.rows.order ? task.rows.order[begin + at] : begin + at;
      x[k] = X.unpack ? task.unpacked + at * stride : X.data + rows[k] * X.stride;
      later[k] = X.unpack ? x[k] : after(x[k], X, task.rows);
    }
    Products::margins(task, x, later, n_rows);
    task.loss->residuals({task.samples, rows, n_rows, task.block}, sums, task.loss_parameters);
    if (task.gradient) Products::gradient(task, x, later, n_rows);
  }
}
