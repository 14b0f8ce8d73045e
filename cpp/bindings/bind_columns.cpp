#include <pybind11/stl.h>

#include <algorithm>
#include <tuple>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "linalg/column_descent.hpp"

namespace fallline {
namespace {

using Vector = Array<double>;

// Values, rows and starts.
using ColumnArrays = std::tuple<Vector, std::optional<Array<std::int32_t>>, Array<std::int64_t>>;

Columns columns_of(const ColumnArrays& arrays, std::ptrdiff_t n_rows) {
  const auto& [values, rows, starts] = arrays;
  const std::ptrdiff_t n = std::max<std::ptrdiff_t>(starts.size() - 1, 0), size = values.size();
  const std::int64_t* begins = vector(starts, n + 1, "starts");
  const std::int32_t* of = rows ? vector(*rows, size, "rows") : nullptr;
  const bool rises = std::is_sorted(begins, begins + n + 1);
  if (!rises || begins[0] != 0 || begins[n] != size || (!rows && size != n * n_rows)) {
    throw py::value_error("starts must rise from 0 to the number of values");
  }
  if (of && !std::all_of(of, of + size, [&](auto i) { return i >= 0 && i < n_rows; })) {
    throw py::value_error("rows must hold numbers of rows");
  }
  return {vector(values, size, "values"), of, begins, n, n_rows};
}

py::tuple descend(const ColumnArrays& columns, const Vector& slopes, const Vector& curvatures,
                  const std::tuple<double, double>& penalty, bool fit_intercept, Vector v,
                  const std::tuple<double, double, std::int64_t>& goal) {
  const std::ptrdiff_t n = slopes.size();
  const Columns X = columns_of(columns, n);
  const ColumnModel model{vector(slopes, n, "slopes"), vector(curvatures, n, "curvatures"),
                          std::get<0>(penalty), std::get<1>(penalty), fit_intercept};
  const auto [least, share, most_elements] = goal;
  const ColumnGoal end{least, share, most_elements};
  double* weights = writeable(v, X.n_columns, "v");
  Vector t(n);
  double* to = t.mutable_data();
  ColumnResult result{};
  Interrupt interrupt(signal_raised);
  bool finished = false;
  {
    const py::gil_scoped_release no_gil;
    finished = column_descent(X, model, end, weights, to, result, interrupt);
  }
  if (!finished) throw py::error_already_set();
  return py::make_tuple(t, result.intercept, result.decrease, result.left, result.elements);
}

}  // namespace

void bind_columns(py::module_& m) {
  m.def("column_descent", &descend, py::arg("columns").noconvert(), py::arg("slopes").noconvert(),
        py::arg("curvatures").noconvert(), py::arg("penalty"), py::arg("fit_intercept"),
        py::arg("v").noconvert(), py::arg("goal"),
        "The minimum of a quadratic model with an L1 term, in place of v: the changes of the "
        "margins, that of the intercept, by how much the model fell, about what is left, and "
        "elements read.");
}

}  // namespace fallline
