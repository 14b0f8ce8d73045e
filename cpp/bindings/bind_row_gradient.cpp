#include "bindings/bind.hpp"
#include "bindings/parameter.hpp"

namespace fallline {

BoundRowGradient::BoundRowGradient(const Array<std::int64_t>& rows, const py::array& values,
                                   std::ptrdiff_t n_rows, std::ptrdiff_t width)
    : values_(values), n_rows_(n_rows) {
  const std::ptrdiff_t count = rows.size();
  const RowValues of{vector(rows, count, "rows"), count,
                     of_length(values, count * width, element(), "values"), element(), width};
  for (std::ptrdiff_t k = 0; k < count; ++k) {
    if (of.rows[k] < 0 || of.rows[k] >= n_rows) {
      throw py::value_error("rows must be from 0 to " + std::to_string(n_rows - 1) + ", got " +
                            std::to_string(of.rows[k]));
    }
  }
  // The caller keeps both arrays alive.
  const py::gil_scoped_release no_gil;
  rows_ = std::make_unique<RowGradient>(of);
}

void bind_row_gradient(py::module_& m) {
  py::class_<BoundRowGradient, std::shared_ptr<BoundRowGradient>>(
      m, "RowGradient", "A gradient of some rows, sorted, with the sum of the values of each.")
      .def(py::init<const Array<std::int64_t>&, const py::array&, std::ptrdiff_t, std::ptrdiff_t>(),
           py::arg("rows").noconvert(), py::arg("values"), py::arg("n_rows"), py::arg("width"));
}

}  // namespace fallline
