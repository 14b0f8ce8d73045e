#include <algorithm>
#include <cmath>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "linalg/cholesky.hpp"
#include "linalg/coordinate_descent.hpp"
#include "linalg/householder.hpp"
#include "linalg/inner.hpp"

namespace fallline {
namespace {

using Float64 = Array<double>;

void expect(bool holds, const char* name, const char* requirement) {
  if (!holds) throw py::value_error(std::string(name) + " must be " + requirement);
}

bool is_row_major(const Float64& x) { return (x.flags() & py::array::c_style) != 0; }

// Its number of rows.
std::ptrdiff_t square(const Float64& A, const char* name) {
  expect(A.ndim() == 2 && A.shape(0) == A.shape(1) && is_row_major(A), name,
         "a square row-major matrix");
  return A.shape(0);
}

py::tuple factor(const Float64& A) {
  const std::ptrdiff_t n = square(A, "A");
  Float64 L({n, n});
  const double* from = A.data();
  double* to = L.mutable_data();
  std::ptrdiff_t pivot = -1;
  {
    const py::gil_scoped_release no_gil;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      std::copy_n(from + i * n, i + 1, to + i * n);
      std::fill_n(to + i * (n + 1) + 1, n - i - 1, 0.0);
    }
    pivot = cholesky(to, n);
  }
  return py::make_tuple(L, pivot);
}

// Inverse iterations, from numbers that no eigenvector is orthogonal to but by chance.
double inverse_norm(const Float64& L, int n_iterations) {
  const std::ptrdiff_t n = square(L, "L");
  std::vector<double> x(static_cast<std::size_t>(n));
  for (std::ptrdiff_t k = 0; k < n; ++k) {
    x[static_cast<std::size_t>(k)] = (k % 2 ? -1.0 : 1.0) / static_cast<double>(1 + k % 7);
  }
  const py::gil_scoped_release no_gil;
  double size = 1;
  for (int t = 0; n > 0 && t < n_iterations; ++t) {
    const double length = std::sqrt(inner(x.data(), x.data(), n));
    for (double& value : x) value /= length;
    solve_cholesky(L.data(), n, x.data(), 1);
    size = std::sqrt(inner(x.data(), x.data(), n));
  }
  return size;
}

// Of numbers that may lie anyhow, and be float32.
double compute_inner(const py::array_t<double, py::array::c_style | py::array::forcecast>& a,
                     const py::array_t<double, py::array::c_style | py::array::forcecast>& b) {
  expect(a.size() == b.size(), "a and b", "of one size");
  return inner(a.data(), b.data(), a.size());
}

using Solve = void (*)(const double* L, std::ptrdiff_t n, double* b, std::ptrdiff_t n_columns);

Float64 solve(Solve solve, const Float64& L, const Float64& b) {
  const std::ptrdiff_t n = square(L, "L");
  expect(b.ndim() == 1 || b.ndim() == 2, "b", "of one or two dimensions");
  expect(b.shape(0) == n && is_row_major(b), "b", "row-major with as many rows as L");
  Float64 x(std::vector<py::ssize_t>(b.shape(), b.shape() + b.ndim()));
  const double *triangle = L.data(), *from = b.data();
  double* to = x.mutable_data();
  const std::ptrdiff_t size = b.size(), n_columns = b.ndim() == 1 ? 1 : b.shape(1);
  {
    const py::gil_scoped_release no_gil;
    std::copy_n(from, size, to);
    solve(triangle, n, to, n_columns);
  }
  return x;
}

// Of two dimensions, row-major.
Float64 copy_of(const Float64& A) { return Float64({A.shape(0), A.shape(1)}, A.data()); }

Float64 update(const Float64& R, const Float64& A) {
  const std::ptrdiff_t p = square(R, "R");
  expect(A.ndim() == 2 && A.shape(1) == p && is_row_major(A), "A",
         "a row-major matrix with the columns of R");
  Float64 updated = copy_of(R);
  double* to = updated.mutable_data();
  const double* rows = A.data();
  const std::ptrdiff_t n = A.shape(0);
  {
    const py::gil_scoped_release no_gil;
    qr_update(to, p, rows, n);
  }
  return updated;
}

py::tuple pivoted(const Float64& R) {
  const std::ptrdiff_t p = square(R, "R");
  Float64 triangle = copy_of(R);
  Array<std::ptrdiff_t> permutation(p);
  double* to = triangle.mutable_data();
  std::ptrdiff_t* order = permutation.mutable_data();
  {
    const py::gil_scoped_release no_gil;
    pivoted_qr(to, p, order);
  }
  return py::make_tuple(triangle, permutation);
}

py::tuple l1_quadratic(const Float64& H, const Float64& gradient, const Float64& l1,
                       const Float64& u) {
  const std::ptrdiff_t n = square(H, "H");
  const L1Quadratic f{H.data(), vector(gradient, n, "gradient"), vector(l1, n, "l1"), n};
  const double* from = vector(u, n, "u");
  Float64 v(n);
  double* to = v.mutable_data();
  double decrease = 0;
  {
    const py::gil_scoped_release no_gil;
    std::copy_n(from, n, to);
    decrease = minimize(f, to);
  }
  return py::make_tuple(v, decrease);
}

}  // namespace

void bind_linalg(py::module_& m) {
  const auto L = py::arg("L").noconvert(), b = py::arg("b").noconvert();
  m.def("cholesky", factor, py::arg("A").noconvert(),
        "L of A = L L', and -1 or the first pivot that is not positive and finite.");
  m.def(
      "cholesky_solve",
      [](const Float64& L, const Float64& b) { return solve(solve_cholesky, L, b); }, L, b,
      "x of L L' x = b.");
  m.def(
      "triangular_solve",
      [](const Float64& L, const Float64& b, bool transposed) {
        return solve(transposed ? solve_lower_transposed : solve_lower, L, b);
      },
      L, b, py::arg("transposed") = false, "x of L x = b, or of L' x = b.");
  m.def("inverse_norm", inverse_norm, L, py::arg("n_iterations"),
        "About the largest eigenvalue of the inverse of L L', from below.");
  m.def("inner", compute_inner, py::arg("a"), py::arg("b"), "The dot product in float64.");
  const auto R = py::arg("R").noconvert();
  m.def("qr_update", update, R, py::arg("A").noconvert(),
        "The triangular factor of R on top of the rows of A.");
  m.def("pivoted_qr", pivoted, R,
        "The triangular factor of the columns of R, the largest first, and their order.");
  m.def("l1_quadratic", l1_quadratic, py::arg("H").noconvert(), py::arg("gradient").noconvert(),
        py::arg("l1").noconvert(), py::arg("u").noconvert(),
        "v of the least gradient.(v - u) + (v - u).H (v - u) / 2 + l1.|v|, and how far it is below "
        "that of u.");
}

}  // namespace fallline
