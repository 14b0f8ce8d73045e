#include "training/softmax_rows.hpp"

#include <algorithm>
#include <cmath>

#include "core/find.hpp"

namespace fallline {
namespace {

// The tile's numbers of class or vector k.
template <class Number> Number* rows_of(Number* numbers, std::ptrdiff_t k) {
  return numbers + k * gram_rows;
}

template <class Number> struct Parts {  // double, const or not
  Parts(Number* scratch, std::ptrdiff_t n_classes)
      : margins(scratch),
        shares(rows_of(margins, n_classes)),
        ahead(rows_of(shares, n_classes)),
        behind(rows_of(ahead, n_classes)),
        diagonal(rows_of(behind, n_classes)) {}

  Number* margins;
  Number* shares;  // probabilities
  // With P the share of the classes before k + 1 and m = k + 1:
  Number* ahead;     // c_k (P - m p_{k+1}), which is the mean of vector k
  Number* behind;    // c_k less that mean, c_k (1 - P + m p_{k+1})
  Number* diagonal;  // the variance of vector k
};
constexpr std::size_t n_parts = 5;

// The highest margin of each row, and how much exp(margin - highest) adds up to, its own 1 aside.
struct Highest {
  double margin[gram_rows], others[gram_rows];
  std::ptrdiff_t at[gram_rows];
};

void find_highest(const double* margins, std::ptrdiff_t n_classes, std::ptrdiff_t n,
                  Highest& highest) {
  std::copy_n(margins, n, highest.margin);
  std::fill_n(highest.at, n, 0);
  for (std::ptrdiff_t k = 1; k < n_classes; ++k) {
    const double* z = rows_of(margins, k);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      if (z[i] <= highest.margin[i]) continue;
      highest.margin[i] = z[i];
      highest.at[i] = k;
    }
  }
}

// The shares, by exponentials that cannot overflow.
void find_shares(const double* margins, std::ptrdiff_t n_classes, std::ptrdiff_t n,
                 Unary<double> exponential, double* shares, Highest& highest) {
  std::fill_n(highest.others, n, 0.0);
  for (std::ptrdiff_t k = 0; k < n_classes; ++k) {
    const double* z = rows_of(margins, k);
    double* e = rows_of(shares, k);
    for (std::ptrdiff_t i = 0; i < n; ++i) e[i] = z[i] - highest.margin[i];
    exponential(e, e, n);
    for (std::ptrdiff_t i = 0; i < n; ++i) highest.others[i] += highest.at[i] == k ? 0.0 : e[i];
  }
  for (std::ptrdiff_t k = 0; k < n_classes; ++k) {
    double* e = rows_of(shares, k);
    for (std::ptrdiff_t i = 0; i < n; ++i) e[i] /= 1.0 + highest.others[i];
  }
}

}  // namespace

SoftmaxRows::SoftmaxRows(std::ptrdiff_t n_classes)
    : n_classes_(n_classes),
      exponential_(find(kernels<double>().functions, "exp_or_zero").apply),
      logarithm_(find(kernels<double>().functions, "log1p_far").apply) {
  for (std::ptrdiff_t k = 0; k + 1 < n_classes; ++k) {
    basis_.push_back(1.0 / std::sqrt(static_cast<double>((k + 1) * (k + 2))));
  }
}

std::size_t SoftmaxRows::scratch_size() const {
  return n_parts * static_cast<std::size_t>(n_classes_ * gram_rows);
}

// From the last class on, as those before it share every term but one.
void SoftmaxRows::find_margins(std::ptrdiff_t n, const double* products, double* margins) const {
  double shared[gram_rows] = {};
  for (std::ptrdiff_t k = n_classes_ - 1; k > 0; --k) {
    const double* z = rows_of(products, k - 1);
    double* out = rows_of(margins, k);
    const double c = basis_[static_cast<std::size_t>(k - 1)], m = static_cast<double>(k);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      out[i] = shared[i] - m * (c * z[i]);
      shared[i] += c * z[i];
    }
  }
  std::copy_n(shared, n, margins);
}

double SoftmaxRows::residuals(const TileSamples& samples, const double* products, double* scratch,
                              double* out) const {
  const std::ptrdiff_t n = samples.n;
  const Parts<double> parts(scratch, n_classes_);
  Highest highest;
  find_margins(n, products, parts.margins);
  find_highest(parts.margins, n_classes_, n, highest);
  find_shares(parts.margins, n_classes_, n, exponential_, parts.shares, highest);
  find_curvatures(n, scratch);

  // log(sum of exp(z)) - z of the own class, whose two terms are not negative.
  double logarithms[gram_rows], missing[gram_rows];
  logarithm_(highest.others, logarithms, n);
  double total = 0;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const auto own = static_cast<std::ptrdiff_t>(samples.targets[i]);
    const double below = highest.margin[i] - rows_of(parts.margins, own)[i];
    const double s = samples.sample_weight ? samples.sample_weight[i] : 1.0;
    total += s * (logarithms[i] + below);
    // 1 - p has no digits left where p is nearly 1.
    missing[i] = own == highest.at[i] ? highest.others[i] / (1.0 + highest.others[i])
                                      : 1.0 - rows_of(parts.shares, own)[i];
  }

  double before[gram_rows] = {};  // the derivatives in the margins of classes so far
  for (std::ptrdiff_t k = 0; k < n_classes_; ++k) {
    const double* p = rows_of(parts.shares, k);
    const std::ptrdiff_t of = std::max<std::ptrdiff_t>(k - 1, 0);
    const double c = basis_[static_cast<std::size_t>(of)], m = static_cast<double>(k);
    double* to = rows_of(out, of);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      const bool is_own = static_cast<std::ptrdiff_t>(samples.targets[i]) == k;
      const double s = samples.sample_weight ? samples.sample_weight[i] : 1.0;
      const double derivative = s * (is_own ? -missing[i] : p[i]);
      if (k > 0) to[i] = c * (before[i] - m * derivative);
      before[i] += derivative;
    }
  }
  return total;
}

// Covariances of the vectors of the basis under the shares. Of two of them the later one is the
// same for all classes that the earlier one tells apart, so with k < l the covariance is
// mean_k (c_l - mean_l). Nothing is subtracted that nearly cancels.
void SoftmaxRows::find_curvatures(std::ptrdiff_t n, double* scratch) const {
  const Parts<double> parts(scratch, n_classes_);
  double after[gram_rows] = {}, before[gram_rows] = {};  // shares of these classes
  for (std::ptrdiff_t k = n_classes_ - 1; k > 0; --k) {
    const double* p = rows_of(parts.shares, k);
    double* behind = rows_of(parts.behind, k - 1);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      behind[i] = after[i];
      after[i] += p[i];
    }
  }
  for (std::ptrdiff_t k = 0; k + 1 < n_classes_; ++k) {
    const double *p = rows_of(parts.shares, k), *next = rows_of(parts.shares, k + 1);
    double *ahead = rows_of(parts.ahead, k), *behind = rows_of(parts.behind, k);
    double* diagonal = rows_of(parts.diagonal, k);
    const double c = basis_[static_cast<std::size_t>(k)], m = static_cast<double>(k + 1);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      before[i] += p[i];
      const double P = before[i], q = next[i], rest = behind[i];
      diagonal[i] = c * c * (P * (q + rest) + m * m * q * (P + rest) + 2.0 * m * P * q);
      ahead[i] = c * (P - m * q);
      behind[i] = c * (rest + q + m * q);
    }
  }
}

void SoftmaxRows::curvatures(const TileSamples& samples, const double*, const double* scratch,
                             std::ptrdiff_t vector, std::ptrdiff_t other, double* out) const {
  const Parts<const double> parts(scratch, n_classes_);
  const double* s = samples.sample_weight;
  if (vector == other) {
    std::copy_n(rows_of(parts.diagonal, vector), samples.n, out);
  } else {
    const double* mean = rows_of(parts.ahead, std::min(vector, other));
    const double* rest = rows_of(parts.behind, std::max(vector, other));
    for (std::ptrdiff_t i = 0; i < samples.n; ++i) out[i] = mean[i] * rest[i];
  }
  for (std::ptrdiff_t i = 0; s && i < samples.n; ++i) out[i] *= s[i];
}

}  // namespace fallline
