// Runs of the kernels of second-order steps. Included by bits.cpp where its names are known.
#pragma once

// Standardised, with an intercept, at most a tile of rows; in stored order and backward.
template <class T> struct StandardTile {
  std::ptrdiff_t lines;
  Guarded<double> mean, inverse_scale, z;

  StandardTile(Problem<T>& problem, const std::int64_t* order, std::ptrdiff_t offset)
      : lines(fallline::gram_lines(problem.columns + 1)),
        mean(lines * fallline::gram_lanes, offset),
        inverse_scale(mean.size(), offset),
        z(fallline::gram_tile_size(lines), offset) {
    for (std::ptrdiff_t j = 0; j < mean.size(); ++j) {
      mean[j] = j < problem.columns ? number<double>(5, j) : j == problem.columns ? -1 : 0;
      inverse_scale[j] = j <= problem.columns ? 1 / (1 + mean[j] * mean[j]) : 0;
    }
    for (std::ptrdiff_t i = 0; i < z.size(); ++i) z[i] = 0;
    fallline::kernels<T>().standardize(problem.view(), {order, 0, problem.rows},
                                       {mean.data(), inverse_scale.data(), lines}, z.data());
    expect_intact(z);
  }
};

template <class T> void run_standardize(std::ptrdiff_t offset, Digest& digest) {
  for (Problem<T>& problem : all_problems<T>(offset)) {
    for (const std::int64_t* order : {static_cast<const std::int64_t*>(nullptr),
                                      static_cast<const std::int64_t*>(problem.backward.data())}) {
      StandardTile<T> tile(problem, order, offset);
      digest.add(tile.z);
    }
  }
}

// Margins and sums of all rows, and of those from the second on; leverages by a matrix that is
// dominated by its diagonal.
inline void run_gram(const fallline::GramKernels& gram, std::ptrdiff_t offset, Digest& digest) {
  const auto& [margins, add_rows, add_products, leverages] = gram;
  for (Problem<double>& problem : all_problems<double>(offset)) {
    if (problem.columns > 130) continue;
    StandardTile<double> tile(problem, nullptr, offset);
    const std::ptrdiff_t n = problem.rows, width = tile.lines * fallline::gram_lanes;
    Guarded<double> u(width, offset), out(n, offset), gradient(width, offset);
    Guarded<double> triangle(fallline::triangle_size(tile.lines), offset);
    Guarded<double> scratch(tile.z.size(), offset);
    fill(u, Kind::plain, 1);
    fill(gradient, Kind::plain, 2);
    fill(triangle, Kind::plain, 3);
    margins({tile.z.data(), tile.lines, n}, u.data(), out.data());
    digest.add(out);
    expect_intact(out);
    for (const std::ptrdiff_t begin : {0, 1}) {
      const fallline::GramTile rows{tile.z.data() + begin * fallline::gram_lanes, tile.lines,
                                    n - begin};
      add_rows(rows, problem.weights.data() + begin, gradient.data());
      add_products(rows, problem.weights.data() + begin, scratch.data(), triangle.data());
    }
    digest.add(gradient);
    digest.add(triangle);
    for (std::ptrdiff_t j = 0; j < width; ++j) triangle[fallline::triangle_place(j, j)] = 999;
    leverages({tile.z.data(), tile.lines, n}, triangle.data(), scratch.data(), out.data());
    digest.add(out);
    for (Guarded<double>* written : {&out, &gradient, &triangle, &scratch}) {
      expect_intact(*written);
    }
  }
}
