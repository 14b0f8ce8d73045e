// Margins, residuals and gradient of a tile of rows for many heads, block by block.
#pragma once

// What to bring into the cache while the row at a position is worked on: the same of a later block.
template <class T> FALLLINE_INLINE const T* after(const MatrixView<T>& X, const Rows& rows,
                                                  std::ptrdiff_t position, std::ptrdiff_t ahead) {
  const std::ptrdiff_t row =
      rows.order ? row_ahead(rows, position + ahead) : position + head_block_rows;
  return X.data + row * X.stride;
}

// Products says what lies along the lanes: HeadLanes or FeatureLanes.
template <class Products, class T>
void head_tile(const HeadTileTask<T>& task, const HeadSums& sums) {
  const MatrixView<T>& X = task.samples.X;
  const std::ptrdiff_t stride = lines_of<T>(X.columns) * vec<T>::size;  // of unpacked rows
  const std::ptrdiff_t ahead =
      rows_in_bytes_ahead(X.columns * static_cast<std::ptrdiff_t>(sizeof(T)));
  std::ptrdiff_t rows[head_block_rows];
  const T* x[head_block_rows];
  const T* later[head_block_rows];
  for (std::ptrdiff_t begin = task.rows.begin; begin < task.rows.end; begin += head_block_rows) {
    const std::ptrdiff_t left = task.rows.end - begin;
    const std::ptrdiff_t n_rows = left < head_block_rows ? left : head_block_rows;
    if (X.unpack) {
      X.unpack(X, {task.rows.order, begin, begin + n_rows, task.rows.known}, task.unpacked, stride);
    }
    for (std::ptrdiff_t k = 0; k < head_block_rows; ++k) {
      // Past the last row it is taken again; nobody looks at its margins.
      const std::ptrdiff_t at = k < n_rows ? k : n_rows - 1;
      rows[k] = task.rows.order ? task.rows.order[begin + at] : begin + at;
      x[k] = X.unpack ? task.unpacked + at * stride : X.data + rows[k] * X.stride;
      later[k] = X.unpack ? x[k] : after(X, task.rows, begin + at, ahead);
    }
    Products::margins(task, x, later, n_rows);
    task.loss->residuals({task.samples, rows, n_rows, task.block}, sums, task.loss_parameters);
    if (task.gradient) Products::gradient(task, x, later, n_rows);
  }
}
