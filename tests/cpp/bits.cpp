// Runs every kernel of every target of this machine and prints a digest of the bits of its results:
//
//   avx2 float32 loss logistic residuals 8c1f6f0a2b9d4e37
//
// The lines of two machines can be compared with diff. Losses, rules and functions come from the
// table, so that a new one takes part unasked. Numbers are made by integer arithmetic: no C library
// has a say in them.
#include <cstdint>
#include <iomanip>
#include <limits>
#include <vector>

#include "core/random.hpp"
#include "guarded.hpp"
#include "kernels/table.hpp"

namespace {

// Around whole vectors of 16 float32 and 8 float64, and loop bodies of four of them.
constexpr std::ptrdiff_t lengths[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 130};
constexpr std::ptrdiff_t offsets[3] = {0, 1, 3};
// Around groups of 8 and blocks of 16 rows; rows of 385 and 769 numbers are taken one by one.
constexpr std::ptrdiff_t row_counts[] = {1, 7, 8, 9, 16, 17, 33};
constexpr std::ptrdiff_t column_counts[] = {1,  3,  7,  8,  9,   15,  16,  17, 31,
                                            33, 63, 64, 65, 100, 130, 385, 769};

// FNV-1a. All NaNs count as one: which of them an operation gives is the processor's own affair.
class Digest {
 public:
  template <class T> void add(T x) {
    if (x != x) x = std::numeric_limits<T>::quiet_NaN();
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, &x, sizeof(T));
    for (const unsigned char byte : bytes) hash_ = (hash_ ^ byte) * 0x100000001B3;
  }
  template <class T> void add(Guarded<T>& x) {
    for (std::ptrdiff_t i = 0; i < x.size(); ++i) add(x[i]);
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325;
};

// Whole mantissas, uniform in [-8, 8).
template <class T> const std::vector<T>& numbers() {
  static const std::vector<T> made = [] {
    constexpr std::uint64_t range = std::uint64_t{1} << std::numeric_limits<T>::digits;
    fallline::RandomStream random(4, 0, 0);
    std::vector<T> x(40009);
    for (T& number : x) {
      const auto whole = static_cast<std::int64_t>(random.below(range));
      number = static_cast<T>(whole - static_cast<std::int64_t>(range / 2)) * (T(16) / T(range));
    }
    return x;
  }();
  return made;
}

template <class T> T number(std::ptrdiff_t stream, std::ptrdiff_t k) {
  const auto place = static_cast<std::size_t>(stream * 7919 + k);
  return numbers<T>()[place % numbers<T>().size()];
}

// Where formulas and instructions have their exceptions.
template <class T> T special(std::ptrdiff_t k) {
  using Limits = std::numeric_limits<T>;
  const T values[] = {T(0),
                      -T(0),
                      T(1),
                      T(-1),
                      Limits::min(),
                      -Limits::denorm_min(),
                      Limits::max(),
                      -Limits::max(),
                      Limits::infinity(),
                      -Limits::infinity(),
                      Limits::quiet_NaN()};
  return values[k % 11];
}

enum class Kind { plain, far, positive, sign, special };

template <class T> void fill(Guarded<T>& x, Kind kind, std::ptrdiff_t stream) {
  for (std::ptrdiff_t k = 0; k < x.size(); ++k) {
    const T plain = number<T>(stream, k);
    if (kind == Kind::plain) x[k] = plain;
    if (kind == Kind::far) x[k] = T(128) * plain;
    if (kind == Kind::positive) x[k] = plain < 0 ? -plain : plain;
    if (kind == Kind::sign) x[k] = plain < 0 ? T(-1) : T(1);
    if (kind == Kind::special) x[k] = special<T>(k);
  }
}

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

// Every kind of margins with every kind of targets, whatever the loss expects of them.
template <class T, class Compute>
void for_all_margins(std::ptrdiff_t offset, const Compute& compute) {
  for (const std::ptrdiff_t n : lengths) {
    for (const Kind kind : {Kind::plain, Kind::far, Kind::special}) {
      for (const Kind of_targets : {Kind::plain, Kind::positive, Kind::sign}) {
        Guarded<T> margins(n, offset), targets(n, offset);
        fill(margins, kind, 1);
        fill(targets, of_targets, 2);
        compute(margins, targets);
      }
    }
  }
}

template <class T>
void run_residuals(const fallline::LossEntry<T>& loss, std::ptrdiff_t offset, Digest& digest) {
  for_all_margins<T>(offset, [&](Guarded<T>& margins, Guarded<T>& targets) {
    const std::ptrdiff_t n = margins.size();
    Guarded<T> weights(n, offset), out(n, offset);
    fill(weights, Kind::positive, 3);
    digest.add(loss.residuals(margins.data(), targets.data(), weights.data(), out.data(), n));
    digest.add(out);
    expect_intact(out);
  });
}

template <class T>
void run_binary(fallline::Binary<T> function, std::ptrdiff_t offset, Digest& digest) {
  for_all_margins<T>(offset, [&](Guarded<T>& margins, Guarded<T>& targets) {
    Guarded<T> out(margins.size(), offset);
    function(margins.data(), targets.data(), out.data(), margins.size());
    digest.add(out);
    expect_intact(out);
  });
}

template <class T>
void run_unary(fallline::Unary<T> function, std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : lengths) {
    for (const Kind kind : {Kind::plain, Kind::far, Kind::special}) {
      Guarded<T> x(n, offset), out(n, offset);
      fill(x, kind, 1);
      function(x.data(), out.data(), n);
      digest.add(out);
      expect_intact(out);
    }
  }
}

// Three steps with every option in force.
template <class T>
void run_rule(const fallline::RuleEntry<T>& rule, std::ptrdiff_t offset, Digest& digest) {
  const std::vector<double> parameters(static_cast<std::size_t>(rule.n_parameters), 0.7);
  for (const std::ptrdiff_t n : lengths) {
    Guarded<T> w(n, offset), gradient(n, offset), slots(n * (rule.n_slots + 1), offset);
    fill(w, Kind::plain, 1);
    fill(gradient, Kind::plain, 2);
    fill(slots, Kind::positive, 3);
    for (std::int64_t step = 1; step <= 3; ++step) {
      fallline::StepTask<T> task{
          {step, 0.1, 0.3, 0.02, 0.03, 0.05, parameters.data()}, w.data(), gradient.data(), {}, n};
      for (int s = 0; s < rule.n_slots; ++s) task.slots[s] = slots.data() + s * n;
      rule.step(task);
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

template <class T, class Compute>
void for_all_shapes(std::ptrdiff_t offset, const Compute& compute) {
  for (const std::ptrdiff_t columns : column_counts) {
    for (const std::ptrdiff_t rows : row_counts) {
      Problem<T> problem(rows, columns, offset);
      compute(problem);
    }
  }
}

// In stored order with weights, then backward without; with and without gradient.
template <class T>
void run_tile(const fallline::LossEntry<T>& loss, std::ptrdiff_t offset, Digest& digest) {
  for_all_shapes<T>(offset, [&](Problem<T>& problem) {
    Guarded<T> gradient(problem.w.size(), offset);
    fill(gradient, Kind::plain, 4);
    for (const bool stored : {true, false}) {
      for (T* to : {gradient.data(), static_cast<T*>(nullptr)}) {
        const fallline::TileTask<T> task{
            {problem.view(), problem.targets.data(), stored ? problem.weights.data() : nullptr},
            {stored ? nullptr : problem.backward.data(), 0, problem.rows},
            problem.w.data(),
            T(0.375),
            loss.residuals,
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
  });
}

template <class T> void run_margins(std::ptrdiff_t offset, Digest& digest) {
  for_all_shapes<T>(offset, [&](Problem<T>& problem) {
    Guarded<T> out(problem.rows, offset);
    fallline::kernels<T>().margins(problem.view(), problem.w.data(), T(0.375), out.data());
    digest.add(out);
    expect_intact(out);
  });
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

// A table with a new kernel does not fit the names below: compile errors here ask for its run.
template <class T> void run_all() {
  const auto& [target, losses, rules, functions, tile, margins, read_sum, all_finite] =
      fallline::kernels<T>();
  for (const fallline::LossEntry<T>& loss : losses) {
    const auto& [name, residuals, values, derivatives] = loss;
    const std::string title = std::string("loss ") + name;
    report<T>(title + " residuals", [&](auto at, Digest& d) { run_residuals(loss, at, d); });
    report<T>(title + " values", [&](auto at, Digest& d) { run_binary<T>(loss.values, at, d); });
    report<T>(title + " derivatives",
              [&](auto at, Digest& d) { run_binary<T>(loss.derivatives, at, d); });
    report<T>(title + " tile", [&](auto at, Digest& d) { run_tile(loss, at, d); });
  }
  for (const fallline::RuleEntry<T>& rule : rules) {
    report<T>(std::string("rule ") + rule.name, [&](auto at, Digest& d) { run_rule(rule, at, d); });
  }
  for (const fallline::FunctionEntry<T>& function : functions) {
    report<T>(std::string("function ") + function.name,
              [&](auto at, Digest& d) { run_unary(function.apply, at, d); });
  }
  report<T>("margins", run_margins<T>);
  report<T>("read_sum", run_read_sum<T>);
  report<T>("all_finite", run_all_finite<T>);
}

}  // namespace

int main() {
  for (const std::string& target : fallline::runnable_targets()) {
    fallline::set_target(target);
    run_all<float>();
    run_all<double>();
  }
}
