#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/csr_matrix.hpp"
#include "bindings/loss.hpp"
#include "training/csr_loss_pass.hpp"
#include "training/softmax_rows.hpp"

namespace fallline {
namespace {

using Vector = Array<double>;

py::tuple csr_softmax_pass(const CsrMatrix& X, const Vector& y,
                           const std::optional<Vector>& sample_weight, std::ptrdiff_t n_classes,
                           const Vector& weights, const Vector& intercepts, Vector& margins) {
  return std::visit(
      [&](const auto& view) {
        const double* classes = vector(y, view.rows, "y");
        const auto is_class = [&](double k) {
          return k >= 0 && k < static_cast<double>(n_classes) && k == std::floor(k);
        };
        if (view.rows < 1 || n_classes < 2 || !std::all_of(classes, classes + y.size(), is_class)) {
          throw py::value_error("y must hold numbers of at least 2 classes");
        }
        const SoftmaxRows loss(n_classes);
        const std::ptrdiff_t n_vectors = loss.n_vectors(), d = view.columns;
        const CsrLossTask task{
            loss,
            classes,
            sample_weight ? vector(*sample_weight, view.rows, "sample_weight") : nullptr,
            vector(weights, n_vectors * d, "weights"),
            vector(intercepts, n_vectors, "intercepts"),
            writeable(margins, n_classes * view.rows, "margins")};
        Vector gradient(n_vectors * d), slopes(n_vectors);
        double *to_gradient = gradient.mutable_data(), *to_slopes = slopes.mutable_data();
        CsrLossSums sums;
        Interrupt interrupt(signal_raised);
        bool finished = false;
        {
          // Only plain memory is touched from here; the caller holds the arrays.
          const py::gil_scoped_release no_gil;
          finished = csr_loss_pass(view, task, sums, interrupt);
          for (std::ptrdiff_t k = 0; finished && k < n_vectors; ++k) {
            const double* of_vector = sums.gradient.data() + k;
            for (std::ptrdiff_t j = 0; j < d; ++j) {
              to_gradient[k * d + j] = of_vector[j * n_vectors];
            }
            to_slopes[k] = of_vector[d * n_vectors];
          }
        }
        if (!finished) throw py::error_already_set();
        return py::make_tuple(sums.loss, gradient, slopes);
      },
      X.view);
}

}  // namespace

void bind_csr_loss(py::module_& m) {
  m.def("csr_softmax_pass", &csr_softmax_pass, py::arg("X"), py::arg("y").noconvert(),
        py::arg("sample_weight").noconvert(), py::arg("n_classes"), py::arg("weights").noconvert(),
        py::arg("intercepts").noconvert(), py::arg("margins").noconvert(),
        "Sums of weighted losses and of their gradients in n_classes - 1 vectors of weights, each "
        "with its intercept; margins of all classes.");
}

}  // namespace fallline
