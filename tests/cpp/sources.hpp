// Runs of the kernels that read any kind of X. Included by bits.cpp where its names are known.
#pragma once

// By rows, by columns and with gaps; in stored order and backward; as they are and shifted.
template <class T> void run_unpack(const fallline::SourceEntry<T>& source, Digest& digest) {
  constexpr std::ptrdiff_t rows = 37;
  const std::int64_t backward[] = {4, 3, 2, 1, 0};
  for (const std::ptrdiff_t columns : lengths) {
    const std::ptrdiff_t item = source.item_size, stride = fallline::padded_size<T>(columns);
    std::vector<unsigned char> bytes(static_cast<std::size_t>(2 * rows * columns * item));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<unsigned char>(i * 37 + i / 251);
    }
    std::vector<T> shift(static_cast<std::size_t>(columns), T(0.625));
    std::vector<T> out(static_cast<std::size_t>(rows * stride));
    const std::ptrdiff_t strides[][2] = {
        {columns * item, item}, {item, rows * item}, {2 * columns * item, 2 * item}};
    for (const auto& [row_stride, column_stride] : strides) {
      for (const T* off : {static_cast<const T*>(shift.data()), static_cast<const T*>(nullptr)}) {
        const fallline::MatrixView<T> X{
            nullptr, rows,          columns,
            0,       source.unpack, {bytes.data(), row_stride, column_stride, off}};
        for (const fallline::Rows& at : {fallline::Rows{nullptr, 2, rows}, {backward, 1, 5}}) {
          source.unpack(X, at, out.data(), stride);
          for (std::ptrdiff_t i = 0; i < (at.end - at.begin) * stride; ++i) {
            digest.add(out[static_cast<std::size_t>(i)]);
          }
        }
      }
    }
  }
}

template <class T> void run_centered_sums(std::ptrdiff_t offset, Digest& digest) {
  for (Problem<T>& problem : all_problems<T>(offset)) {
    const std::ptrdiff_t n = fallline::padded_size<double>(problem.columns);
    Guarded<double> center(n, offset), sums(n, offset), squares(n, offset);
    fill(center, Kind::plain, 1);
    fill(sums, Kind::plain, 2);
    fill(squares, Kind::plain, 3);
    for (const T* weights : {problem.weights.data(), static_cast<T*>(nullptr)}) {
      fallline::kernels<T>().centered_sums(problem.view(), weights, center.data(), sums.data(),
                                           squares.data());
    }
    digest.add(sums);
    digest.add(squares);
    expect_intact(sums);
    expect_intact(squares);
  }
}

template <class T> void run_fold(std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : lengths) {
    const std::ptrdiff_t width = fallline::padded_size<T>(n);
    Guarded<T> w(width, offset), mean(width, offset), scale(width, offset), v(width, offset);
    fill(w, Kind::plain, 1);
    fill(mean, Kind::plain, 2);
    fill(scale, Kind::positive, 3);
    digest.add(fallline::kernels<T>().fold(w.data(), mean.data(), scale.data(), v.data(), n));
    fallline::kernels<T>().unfold(mean.data(), scale.data(), T(0.375), w.data(), n);
    digest.add(v);
    digest.add(w);
    expect_intact(v);
    expect_intact(w);
  }
}
