#include "bindings/bind.hpp"
#include "bindings/csr_matrix.hpp"
#include "training/sparse_gram.hpp"

namespace fallline {
namespace {

template <class T> Array<T> array_of(const std::vector<T>& values) {
  return Array<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

py::object compute_sparse_gram(const CsrMatrix& X, const Array<double>& c, std::ptrdiff_t most) {
  SparseGram gram;
  std::ptrdiff_t n_columns = 0;
  const GramEnd end = std::visit(
      [&](const auto& view) {
        const double* factors = vector(c, view.rows, "c");
        n_columns = view.columns;
        Interrupt interrupt(signal_raised);
        // Only plain memory is touched from here; the caller holds the arrays.
        const py::gil_scoped_release no_gil;
        return sparse_gram(view, factors, most, gram, interrupt);
      },
      X.view);
  if (end == GramEnd::interrupted) throw py::error_already_set();
  if (end != GramEnd::whole) return py::none();
  const Array<double> values = array_of(gram.values);
  const Array<std::int32_t> indices = array_of(gram.indices), starts = array_of(gram.starts);
  return py::cast(CsrMatrix{csr_view(values, indices, starts, n_columns), values, indices, starts});
}

}  // namespace

void bind_sparse_gram(py::module_& m) {
  m.def("sparse_gram", &compute_sparse_gram, py::arg("X").noconvert(), py::arg("c").noconvert(),
        py::arg("most"),
        "U with U + U' = X' C X in float64, c being the diagonal of C; None if it has more than "
        "`most` elements, or columns do not rise in the rows of X.");
}

}  // namespace fallline
