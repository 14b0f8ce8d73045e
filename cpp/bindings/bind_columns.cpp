#include <pybind11/stl.h>

#include <algorithm>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "training/column_descent.hpp"

namespace fallline {
namespace {

using Vector = Array<double>;

Columns columns_of(const Vector& values, const std::optional<Array<std::int32_t>>& rows,
                   const Array<std::int64_t>& starts, std::ptrdiff_t n_rows) {
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

py::tuple descend(const Vector& values, const std::optional<Array<std::int32_t>>& rows,
                  const Array<std::int64_t>& starts, const Vector& slopes, const Vector& curvatures,
                  double l1, double l2, bool fit_intercept, Vector v, double least, double share,
                  std::int64_t most_elements) {
  const std::ptrdiff_t n = slopes.size();
  const Columns X = columns_of(values, rows, starts, n);
  const ColumnModel model{vector(slopes, n, "slopes"), vector(curvatures, n, "curvatures"), l1, l2,
                          fit_intercept};
  double* weights = writeable(v, X.n_columns, "v");
  Vector t(n);
  double* to = t.mutable_data();
  ColumnResult result{};
  Interrupt interrupt(signal_raised);
  bool finished = false;
  {
    const py::gil_scoped_release no_gil;
    const ColumnGoal goal{least, share, most_elements};
    finished = column_descent(X, model, goal, weights, to, result, interrupt);
  }
  if (!finished) throw py::error_already_set();
  return py::make_tuple(t, result.intercept, result.decrease, result.left, result.elements);
}

}  // namespace

void bind_columns(py::module_& m) {
  m.def("column_descent", &descend, py::arg("values").noconvert(), py::arg("rows").noconvert(),
        py::arg("starts").noconvert(), py::arg("slopes").noconvert(),
        py::arg("curvatures").noconvert(), py::arg("l1"), py::arg("l2"), py::arg("fit_intercept"),
        py::arg("v").noconvert(), py::kw_only(), py::arg("least"), py::arg("share"),
        py::arg("most_elements"),
        "The minimum of a quadratic model with an L1 term, in place of v: the changes of the "
        "margins, that of the intercept, by how much the model fell, about what is left, and "
        "elements read.");
}

}  // namespace fallline
