// One-example gradient descent over dense rows. Included by bits.cpp where its names are known.
#pragma once

// In stored order with weights, then backward without; with a call that ends before the last step
// is in the weights.
template <class T>
void run_descent(const fallline::LossEntry<T>& loss, std::ptrdiff_t offset, Digest& digest) {
  const std::vector<double> rates(64, 0.0625);
  for (Problem<T>& problem : all_problems<T>(offset)) {
    for (const bool stored : {true, false}) {
      Guarded<T> w(problem.w.size(), offset);
      for (std::ptrdiff_t k = 0; k < w.size(); ++k) w[k] = problem.w[k];
      double intercept = 0.375;
      fallline::DescentStep<T> last;
      fallline::Sums sums;
      const std::ptrdiff_t middle = problem.rows / 2;
      for (const auto& [begin, end] :
           {std::pair{std::ptrdiff_t{0}, middle}, {middle, problem.rows}}) {
        const fallline::Descent<T> task{
            {problem.view(), problem.targets.data(), stored ? problem.weights.data() : nullptr},
            {stored ? nullptr : problem.backward.data(), begin, end, !stored},
            rates.data(),
            0.125,
            stored ? 0.0 : 0.25,
            parameters.data(),
            true,
            end == problem.rows,
            w.data(),
            &intercept,
            &last};
        digest.add(double(loss.descend(task, sums)));
      }
      digest.add(sums.loss);
      digest.add(sums.weight);
      digest.add(intercept);
      digest.add(w);
      expect_intact(w);
    }
  }
}
