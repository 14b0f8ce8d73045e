// Runs every kernel of every target of this machine and prints a digest of the bits of its results:
//
//   avx2 float32 loss logistic residuals 8c1f6f0a2b9d4e37
//
// The lines of two machines can be compared with diff. Losses, rules and functions come from the
// table, so that a new one takes part unasked.
#include <cstdint>
#include <deque>
#include <iomanip>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "digest.hpp"
#include "guarded.hpp"
#include "kernels/table.hpp"
#include "numbers.hpp"

namespace {

// Around whole vectors of 16 float32 and 8 float64, and loop bodies of four of them.
constexpr std::ptrdiff_t lengths[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 130};
constexpr std::ptrdiff_t offsets[3] = {0, 1, 3};
constexpr Kind all_kinds[] = {Kind::plain, Kind::far, Kind::special, Kind::not_finite};
// Around groups of 8 and blocks of 16 rows; rows of 385 and 769 numbers are taken one by one.
constexpr std::ptrdiff_t row_counts[] = {1, 7, 8, 9, 16, 17, 33};
constexpr std::ptrdiff_t column_counts[] = {1,  3,  7,  8,  9,   15,  16,  17, 31,
                                            33, 63, 64, 65, 100, 130, 385, 769};

// Of a loss or a rule: more than any takes.
const std::vector<double> parameters(16, 0.7);

template <class T> void expect_intact(const Guarded<T>& x) {
  if (!x.is_intact()) fail("a guard was overwritten");
}

// compute(offset, digest) at every offset, which must not matter.
template <class T, class Compute> void report(const std::string& kernel, const Compute& compute) {
  Digest digests[3];
  for (int k = 0; k < 3; ++k) {
    compute(offsets[k], digests[k]);
    if (digests[k].value() != digests[0].value()) {
      fail(kernel + ": the bits depend on the address");
    }
  }
  std::cout << fallline::current_target() << (sizeof(T) == 4 ? " float32 " : " float64 ") << kernel
            << ' ' << std::hex << std::setw(16) << std::setfill('0') << digests[0].value()
            << std::dec << '\n';
}

// Margins and targets of one kind each.
template <class T> struct Pairs {
  Kind kind;
  Guarded<T> margins, targets;
  Pairs(std::ptrdiff_t n, std::ptrdiff_t offset, Kind of_margins, Kind of_targets)
      : kind(of_margins), margins(n, offset), targets(n, offset) {
    fill(margins, of_margins, 1);
    fill(targets, of_targets, 2);
  }
};

// Every kind of margins with every kind of targets, whatever the loss expects of them. Made once:
// mapping guarded memory takes longer than most kernels.
template <class T> std::deque<Pairs<T>>& all_pairs(std::ptrdiff_t offset) {
  static std::map<std::ptrdiff_t, std::deque<Pairs<T>>> made;
  std::deque<Pairs<T>>& pairs = made[offset];
  if (!pairs.empty()) return pairs;
  for (const std::ptrdiff_t n : lengths) {
    for (const Kind kind : all_kinds) {
      for (const Kind of_targets : {Kind::plain, Kind::positive, Kind::sign}) {
        pairs.emplace_back(n, offset, kind, of_targets);
      }
    }
  }
  return pairs;
}

template <class T>
void run(fallline::Binary<T> function, Guarded<T>& margins, Guarded<T>& targets, Guarded<T>& out) {
  function(margins.data(), targets.data(), out.data(), margins.size(), parameters.data());
  expect_intact(out);
}

template <class T> void run_binary(fallline::Binary<T> function, std::ptrdiff_t offset,
                                   Digest& digest, bool inside_only = false) {
  for (auto& [kind, margins, targets] : all_pairs<T>(offset)) {
    if (inside_only && (kind == Kind::special || kind == Kind::not_finite)) continue;
    Guarded<T> out(margins.size(), offset);
    run(function, margins, targets, out);
    digest.add(out);
  }
}

// Residuals and their sum are weighted derivatives and values, which tests in Python judge: the
// former to the bit; the latter up to the five roundings of each value, those of the sums of
// float64, and what products lose as subnormals.
template <class T> void expect_weighted(const fallline::LossEntry<T>& loss, Guarded<T>& margins,
                                        Guarded<T>& targets, Guarded<T>& weights,
                                        Guarded<T>& residuals, double total) {
  const std::ptrdiff_t n = margins.size();
  Guarded<T> values(n, 0), derivatives(n, 0);
  run(loss.values, margins, targets, values);
  run(loss.derivatives, margins, targets, derivatives);
  double expected = 0, size = 0;
  for (std::ptrdiff_t k = 0; k < n; ++k) {
    const T residual = weights[k] * derivatives[k];
    if (residual != residuals[k] && residual == residual) {
      fail(std::string(loss.name) + ": a residual is no weighted derivative");
    }
    const double value = double{weights[k]} * double{values[k]};
    expected += value;
    size += value < 0 ? -value : value;
  }
  using Limits = std::numeric_limits<T>;
  const double tolerance =
      (5 * double{Limits::epsilon()} + 2 * double(n) * std::numeric_limits<double>::epsilon()) *
          size +
      double(n) * double{Limits::denorm_min()};
  const double error = total < expected ? expected - total : total - expected;
  if (size < double{Limits::max()} && !(error <= tolerance)) {
    fail(std::string(loss.name) + ": a sum of " + std::to_string(n) + " losses is " +
         std::to_string(total) + ", that of its values " + std::to_string(expected));
  }
}

template <class T>
void run_residuals(const fallline::LossEntry<T>& loss, std::ptrdiff_t offset, Digest& digest) {
  for (auto& [kind, margins, targets] : all_pairs<T>(offset)) {
    const std::ptrdiff_t n = margins.size();
    Guarded<T> weights(n, offset), out(n, offset);
    fill(weights, Kind::positive, 3);
    const fallline::LossSums total = loss.residuals(margins.data(), targets.data(), weights.data(),
                                                    out.data(), n, parameters.data());
    digest.add(total.loss);
    digest.add(total.residual);
    digest.add(out);
    expect_intact(out);
    expect_weighted(loss, margins, targets, weights, out, total.loss);
  }
}

template <class T>
void run_unary(fallline::Unary<T> function, std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : lengths) {
    for (const Kind kind : all_kinds) {
      Guarded<T> x(n, offset), out(n, offset);
      fill(x, kind, 1);
      function(x.data(), out.data(), n);
      digest.add(out);
      expect_intact(out);
    }
  }
}

// Of RAdam, the first is one of momentum and the last one of Adam.
constexpr std::int64_t step_numbers[] = {1, 2, 300};

// Three steps with every option in force.
template <class T>
void run_rule(const fallline::RuleEntry<T>& rule, std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : lengths) {
    Guarded<T> w(n, offset), gradient(n, offset), slots(n * (rule.n_slots + 1), offset);
    fill(w, Kind::plain, 1);
    fill(gradient, Kind::plain, 2);
    fill(slots, Kind::positive, 3);
    for (const std::int64_t step : step_numbers) {
      const fallline::StepNumbers numbers{step, 0.1, 0.3, 0.02, 0.03, 0.05, parameters.data()};
      fallline::StepArrays<T> arrays{w.data(), gradient.data(), {}, n};
      for (int s = 0; s < rule.n_slots; ++s) arrays.slots[s] = slots.data() + s * n;
      rule.step(numbers, &arrays, 1);
    }
    digest.add(w);
    digest.add(slots);  // behind the last of them lies one that no step may touch
    expect_intact(w);
    expect_intact(slots);
  }
}

// Rows whose neighbours are NaNs, and what a model needs besides.
template <class T> struct Problem {
  static constexpr std::ptrdiff_t gap = 3;
  std::ptrdiff_t rows, columns;
  Guarded<T> X, targets, weights, w;
  std::vector<std::int64_t> backward;

  Problem(std::ptrdiff_t rows_, std::ptrdiff_t columns_, std::ptrdiff_t offset)
      : rows(rows_),
        columns(columns_),
        X((rows - 1) * (columns + gap) + columns, offset),
        targets(rows, offset),
        weights(rows, offset),
        w(fallline::padded_size<T>(columns), offset) {
    for (std::ptrdiff_t i = 0; i < rows; ++i) {
      for (std::ptrdiff_t k = 0; k < columns; ++k) {
        X[i * (columns + gap) + k] = number<T>(i, k);
      }
      backward.push_back(rows - 1 - i);
    }
    fill(targets, Kind::sign, 1);
    fill(weights, Kind::positive, 2);
    for (std::ptrdiff_t k = 0; k < w.size(); ++k) {
      w[k] = k < columns ? number<T>(3, k) / T(64) : T(0);
    }
  }
  fallline::MatrixView<T> view() { return {X.data(), rows, columns, columns + gap}; }
};

template <class T> std::deque<Problem<T>>& all_problems(std::ptrdiff_t offset) {
  static std::map<std::ptrdiff_t, std::deque<Problem<T>>> made;
  std::deque<Problem<T>>& problems = made[offset];
  if (!problems.empty()) return problems;
  for (const std::ptrdiff_t columns : column_counts) {
    for (const std::ptrdiff_t rows : row_counts) problems.emplace_back(rows, columns, offset);
  }
  return problems;
}

// In stored order with weights, then backward without; with and without gradient.
template <class T>
void run_tile(const fallline::LossEntry<T>& loss, std::ptrdiff_t offset, Digest& digest) {
  for (Problem<T>& problem : all_problems<T>(offset)) {
    Guarded<T> gradient(problem.w.size(), offset);
    fill(gradient, Kind::plain, 4);
    for (const bool stored : {true, false}) {
      for (T* to : {gradient.data(), static_cast<T*>(nullptr)}) {
        const fallline::TileTask<T> task{
            {problem.view(), problem.targets.data(), stored ? problem.weights.data() : nullptr},
            {stored ? nullptr : problem.backward.data(), 0, problem.rows},
            problem.w.data(),
            T(0.375),
            {&loss, parameters.data()},
            to};
        fallline::Sums sums;
        fallline::kernels<T>().tile(task, sums);
        digest.add(sums.loss);
        digest.add(sums.weight);
        digest.add(sums.intercept_gradient);
      }
    }
    digest.add(gradient);
    expect_intact(gradient);
  }
}

template <class T> void run_margins(std::ptrdiff_t offset, Digest& digest) {
  for (Problem<T>& problem : all_problems<T>(offset)) {
    Guarded<T> out(problem.rows, offset);
    fallline::kernels<T>().margins(problem.view(), problem.w.data(), T(0.375), out.data());
    digest.add(out);
    expect_intact(out);
  }
}

template <class T> void run_read_sum(std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : lengths) {
    Guarded<T> x(n, offset);
    fill(x, Kind::plain, 1);
    digest.add(fallline::kernels<T>().read_sum(x.data(), n));
  }
}

// Whole, and with one number at a time that is not finite.
template <class T> void run_all_finite(std::ptrdiff_t offset, Digest& digest) {
  using Limits = std::numeric_limits<T>;
  const auto all_finite = fallline::kernels<T>().all_finite;
  for (const std::ptrdiff_t n : lengths) {
    Guarded<T> x(n, offset);
    fill(x, Kind::plain, 1);
    digest.add(all_finite(x.data(), n));
    for (std::ptrdiff_t k = 0; k < n; ++k) {
      for (const T bad : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}) {
        x[k] = bad;
        digest.add(all_finite(x.data(), n));
      }
      x[k] = T(1);
    }
  }
}

template <class T> void run_in_place(std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : lengths) {
    Guarded<T> w(n, offset), a(n, offset), b(n, offset), g(n, offset);
    fill(w, Kind::plain, 1);
    fill(a, Kind::plain, 2);
    fill(b, Kind::far, 3);
    fill(g, Kind::plain, 4);
    fallline::kernels<T>().in_place(w.data(), a.data(), b.data(), g.data(), n);
    for (Guarded<T>* changed : {&w, &a, &b}) {
      digest.add(*changed);
      expect_intact(*changed);
    }
  }
}

#include "csr.hpp"
#include "descent.hpp"
#include "factor.hpp"
#include "gram.hpp"
#include "arrays.hpp"
#include "heads.hpp"
#include "sources.hpp"

template <class T> void run_fma_chains(std::ptrdiff_t, Digest& digest) {
  digest.add(static_cast<double>(fallline::kernels<T>().fma_chains(T(0.5), T(1), 7 * 8) > 0));
}

// A table with a new kernel does not fit the names below: compile errors here ask for its run.
template <class T> void run_all() {
  const auto& [target, losses, rules, array_rules, functions, head_losses, sources, tile,
               block_rows, margins, head_tile, feature_tile, head_margins, read_sum, sum_of_squares,
               all_finite, in_place, scaled_weights, csr32, csr64, fma_chains, centered_sums, fold,
               unfold, standardize, narrow, gram, factor] = fallline::kernels<T>();
  for (const fallline::LossEntry<T>& loss : losses) {
    const auto& [name, n_parameters, residuals, values, derivatives, curvatures, conjugates,
                 smoothness, descend, csr_descend32, csr_descend64] = loss;
    const std::string title = std::string("loss ") + name;
    report<T>(title + " residuals", [&](auto at, Digest& d) { run_residuals(loss, at, d); });
    report<T>(title + " values", [&](auto at, Digest& d) { run_binary<T>(loss.values, at, d); });
    report<T>(title + " derivatives",
              [&](auto at, Digest& d) { run_binary<T>(loss.derivatives, at, d); });
    report<T>(title + " curvatures",
              [&](auto at, Digest& d) { run_binary<T>(loss.curvatures, at, d); });
    if (conjugates) {
      report<T>(title + " conjugates",
                [&](auto at, Digest& d) { run_binary<T>(loss.conjugates, at, d, true); });
    }
    report<T>(title + " descend", [&](auto at, Digest& d) { run_descent(loss, at, d); });
    report<T>(title + " csr_descend", [&](auto at, Digest& d) {
      run_csr_descent<T>(loss.csr_descend32, at, d);
      run_csr_descent<T>(loss.csr_descend64, at, d);
    });
    report<T>(title + " tile", [&](auto at, Digest& d) { run_tile(loss, at, d); });
  }
  for (const fallline::RuleEntry<T>& rule : rules) {
    report<T>(std::string("rule ") + rule.name, [&](auto at, Digest& d) { run_rule(rule, at, d); });
    report<T>(std::string("rule ") + rule.name + " of heads",
              [&](auto at, Digest& d) { run_head_rule(rule, at, d); });
  }
  for (const auto& of : {rules, array_rules}) {
    for (const fallline::RuleEntry<T>& rule : of) {
      report<T>(std::string("rule ") + rule.name + " of arrays",
                [&](auto at, Digest& d) { run_array_rule(rule, at, d); });
      report<T>(std::string("rule ") + rule.name + " with slots of bfloat16",
                [&](auto at, Digest& d) { run_brain_rule(rule, at, d); });
    }
  }
  for (const fallline::FunctionEntry<T>& function : functions) {
    report<T>(std::string("function ") + function.name,
              [&](auto at, Digest& d) { run_unary(function.apply, at, d); });
  }
  for (const fallline::HeadLossEntry<T>& loss : head_losses) {
    report<T>(std::string("loss ") + loss.name + " of heads",
              [&](auto at, Digest& d) { run_head_tile(loss, false, at, d); });
    report<T>(std::string("loss ") + loss.name + " of heads in lanes of features",
              [&](auto at, Digest& d) { run_head_tile(loss, true, at, d); });
  }
  for (const fallline::SourceEntry<T>& source : sources) {
    report<T>(std::string("source ") + source.name,
              [&](auto, Digest& d) { run_unpack(source, d); });
  }
  report<T>("margins", run_margins<T>);
  report<T>("head_margins", run_head_margins<T>);
  report<T>("read_sum", run_read_sum<T>);
  report<T>("sum_of_squares", run_sum_of_squares<T>);
  report<T>("all_finite", run_all_finite<T>);
  report<T>("csr", [&](auto at, Digest& d) {
    run_csr(fallline::kernels<T>().csr32, at, d);
    run_csr(fallline::kernels<T>().csr64, at, d);
  });
  report<T>("in_place", run_in_place<T>);
  report<T>("scaled_weights", run_scaled_weights<T>);
  report<T>("fma_chains", run_fma_chains<T>);
  report<T>("centered_sums", run_centered_sums<T>);
  report<T>("fold", run_fold<T>);
  report<T>("standardize", run_standardize<T>);
  if constexpr (sizeof(T) == sizeof(double)) {
    report<T>("narrow", [&](auto at, Digest& d) { run_narrow(narrow, at, d); });
    report<T>("gram", [&](auto at, Digest& d) { run_gram(gram, at, d); });
    report<T>("cholesky", run_cholesky);
    report<T>("solve_triangle", run_solve_triangle);
    report<T>("householder", run_householder);
  }
}

}  // namespace

int main() {
  for (const std::string& target : fallline::runnable_targets()) {
    fallline::set_target(target);
    run_all<float>();
    run_all<double>();
  }
}
