#include "training/row_sums.hpp"

#include <algorithm>
#include <vector>

#include "training/parts.hpp"
#include "training/threads.hpp"

namespace fallline {
namespace {

// Rows between two looks at the user's signals.
constexpr std::ptrdiff_t block_rows = 64;

// A part has so many elements for each of its sums, which outweigh the adding of the sums.
constexpr std::ptrdiff_t elements_per_sum = 8;
constexpr std::ptrdiff_t most_parts = 16;

// Solvers make thousands of these passes, and where others use the processors too each meeting of
// threads may take milliseconds: hinge on r8 took 15.7 s on two of them, and 0.3 s on one.
constexpr std::ptrdiff_t fewest_bytes = 1 << 20;

template <class Reader> int threads_over(const Reader& X, std::ptrdiff_t parts) {
  const std::ptrdiff_t bytes = X.elements() * X.element_bytes();
  return bytes < fewest_bytes ? 1 : threads_for(bytes, parts);
}

// Work on every row, a part on a thread of its own; work(reader, row, part).
template <class Reader, class Work> bool over_rows(const Reader& X, std::ptrdiff_t part_length,
                                                   Interrupt& interrupt, const Work& work) {
  const std::ptrdiff_t parts = (X.rows() + part_length - 1) / part_length;
  const int threads = threads_over(X, parts);
  Reader reader = X;  // one that each thread has a copy of
#pragma omp parallel for schedule(static) num_threads(threads) firstprivate(reader) if (threads > 1)
  for (std::ptrdiff_t part = 0; part < parts; ++part) {
    const std::ptrdiff_t end = std::min((part + 1) * part_length, X.rows());
    for (std::ptrdiff_t i = part * part_length; i < end; ++i) {
      if (i % block_rows == 0) {
        if (thread_number() == 0) interrupt.poll();  // only the calling thread may ask for signals
        if (interrupt.stopped()) break;
      }
      work(reader, i, part);
    }
  }
  return !interrupt.stopped();
}

// The sum of all rows, each times factor(row, its number).
template <class Reader, class Factor> bool sums_of(const Reader& X, const Factor& factor,
                                                   Power power, double* out, Interrupt& interrupt) {
  const std::ptrdiff_t d = X.columns();
  const std::ptrdiff_t most = std::clamp<std::ptrdiff_t>(
      X.elements() / (elements_per_sum * std::max<std::ptrdiff_t>(d, 1)), 1, most_parts);
  const std::ptrdiff_t length = part_rows(X.rows(), most, block_rows);
  const std::ptrdiff_t parts = std::max<std::ptrdiff_t>((X.rows() + length - 1) / length, 1);
  std::vector<double> sums(static_cast<std::size_t>(parts * d));
  const bool finished =
      over_rows(X, length, interrupt, [&](Reader& reader, std::ptrdiff_t i, std::ptrdiff_t part) {
        double* to = sums.data() + part * d;
        const auto row = reader.row(i);
        const double r = factor(row, i);
        if (r == 0) return;
        power == Power::one ? add(row, r, to) : add_squares(row, r, to);
      });
  add_pairwise(sums.data(), parts, d);
  std::copy_n(sums.begin(), d, out);
  return finished;
}

template <class Reader> bool norms_of(Reader X, double* out, Interrupt& interrupt) {
  std::vector<double> sums(static_cast<std::size_t>(X.columns()));
  for (std::ptrdiff_t i = 0; i < X.rows(); ++i) {
    if (i % block_rows == 0) interrupt.poll();
    if (interrupt.stopped()) return false;
    const auto row = X.row(i);
    add(row, 1.0, sums.data());
    out[i] = dot(row, sums.data());
    clear(row, sums.data());
  }
  return true;
}

}  // namespace

bool row_products(const AnyReader& X, const double* w, double* out, Interrupt& interrupt) {
  return std::visit(
      [&](const auto& reader) {
        return over_rows(
            reader, block_rows, interrupt,
            [=](auto& own, std::ptrdiff_t i, std::ptrdiff_t) { out[i] = dot(own.row(i), w); });
      },
      X);
}

bool row_sums(const AnyReader& X, const double* r, Power power, double* out, Interrupt& interrupt) {
  return std::visit(
      [&](const auto& reader) {
        const auto factor = [=](const auto&, std::ptrdiff_t i) { return r[i]; };
        return sums_of(reader, factor, power, out, interrupt);
      },
      X);
}

bool gram_products(const AnyReader& X, const double* c, const double* w, double* out,
                   Interrupt& interrupt) {
  return std::visit(
      [&](const auto& reader) {
        const auto factor = [=](const auto& row, std::ptrdiff_t i) {
          return c[i] == 0 ? 0.0 : c[i] * dot(row, w);
        };
        return sums_of(reader, factor, Power::one, out, interrupt);
      },
      X);
}

bool loss_gradient(const AnyReader& X, const RowLosses& losses, const double* w, double intercept,
                   double* derivatives, double* out, Interrupt& interrupt) {
  return std::visit(
      [&](const auto& reader) {
        const auto derivative = [&](const auto& row, std::ptrdiff_t i) {
          losses.at(i, dot(row, w) + intercept, derivatives + i);
          return derivatives[i];
        };
        return sums_of(reader, derivative, Power::one, out, interrupt);
      },
      X);
}

bool squared_norms(const AnyReader& X, double* out, Interrupt& interrupt) {
  return std::visit([&](const auto& reader) { return norms_of(reader, out, interrupt); }, X);
}

}  // namespace fallline
