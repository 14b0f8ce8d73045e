#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/csr_matrix.hpp"
#include "bindings/loss.hpp"
#include "training/csr_rows.hpp"
#include "training/leverage_pass.hpp"
#include "training/newton_pass.hpp"
#include "training/single_margin.hpp"
#include "training/softmax_rows.hpp"

namespace fallline {
namespace {

using Vector = Array<double>;
using Range = std::pair<std::ptrdiff_t, std::ptrdiff_t>;

std::unique_ptr<StandardRows> rows_of(const py::array& X) {
  const bool is_float64 = py::isinstance<Array<double>>(X);  // what asks for no name comes first
  if (!is_float64 && source_of<float>(X))
    return std::make_unique<DenseRows<float>>(matrix<float>(X, "X"));
  return std::make_unique<DenseRows<double>>(matrix<double>(X, "X"));
}

std::unique_ptr<StandardRows> rows_of(const CsrMatrix& X) {
  return std::visit(
      [](const auto& view) -> std::unique_ptr<StandardRows> {
        using T = std::decay_t<decltype(*view.values)>;
        using I = std::decay_t<decltype(*view.indices)>;
        return std::make_unique<CsrRows<T, I>>(view);
      },
      X.view);
}

// The rows that are visited: all of them, or those at the positions of an order.
Rows visited(const std::optional<Array<std::int64_t>>& order, std::ptrdiff_t n_samples) {
  if (!order) return {nullptr, 0, n_samples};
  const std::ptrdiff_t n = order->size();
  const std::int64_t* rows = vector(*order, n, "order");
  if (!std::all_of(rows, rows + n, [&](auto row) { return row >= 0 && row < n_samples; })) {
    throw py::value_error("order must hold numbers of rows of X");
  }
  return {rows, 0, n};
}

Standardizer standardizer(const Vector& mean, const Vector& inverse_scale,
                          std::ptrdiff_t n_features, bool fit_intercept) {
  return {vector(mean, n_features, "mean"), vector(inverse_scale, n_features, "inverse_scale"),
          n_features, fit_intercept};
}

// The rows to visit, and those of them that make the Hessian.
struct Visit {
  const std::optional<Array<std::int64_t>>& order;
  const std::optional<Range>& hessian_rows;
};

// Sums of a loss over rows, in standardised columns.
py::tuple sums(const StandardRows& rows, const Standardizer& columns, const RowLoss& loss,
               const Vector& y, const std::optional<Vector>& sample_weight, const Vector& u,
               const Visit& visit, std::optional<Vector>& margins) {
  const std::ptrdiff_t n_samples = rows.n_samples();
  const Rows positions = visited(visit.order, n_samples);
  const std::optional<Range>& hessian_rows = visit.hessian_rows;
  const std::ptrdiff_t n = loss.n_vectors() * columns.n_columns();
  const NewtonTask task{
      loss,
      vector(y, n_samples, "y"),
      sample_weight ? vector(*sample_weight, n_samples, "sample_weight") : nullptr,
      vector(u, n, "u"),
      positions,
      margins ? writeable(*margins, loss.n_margins() * positions.end, "margins") : nullptr,
      hessian_rows.has_value(),
      hessian_rows ? hessian_rows->first : 0,
      hessian_rows ? hessian_rows->second : 0};

  NewtonPass pass(rows, columns);
  Vector gradient(n);
  Vector hessian(hessian_rows ? std::vector<py::ssize_t>{n, n} : std::vector<py::ssize_t>{0, 0});
  double *to_gradient = gradient.mutable_data(), *to_hessian = hessian.mutable_data();
  Interrupt interrupt(signal_raised);
  bool finished = false;
  {
    // Only plain memory is touched from here; the caller holds the arrays.
    const py::gil_scoped_release no_gil;
    finished = pass.run(task, interrupt);
    if (finished) pass.read_gradient(to_gradient);
    if (finished && hessian_rows) pass.read_hessian(to_hessian);
  }
  if (!finished) throw py::error_already_set();
  return py::make_tuple(pass.loss(), pass.weight(), gradient,
                        hessian_rows ? py::object(hessian) : py::none());
}

template <class X>
py::tuple newton_pass(const X& x, const Vector& y, const std::optional<Vector>& sample_weight,
                      const std::string& loss, const Vector& u, const Vector& mean,
                      const Vector& inverse_scale, bool fit_intercept,
                      const std::vector<double>& loss_parameters,
                      const std::optional<Array<std::int64_t>>& order,
                      const std::optional<Range>& hessian_rows, std::optional<Vector> margins) {
  const std::unique_ptr<StandardRows> rows = rows_of(x);
  const Standardizer columns = standardizer(mean, inverse_scale, rows->n_features(), fit_intercept);
  const SingleMargin of_rows({&loss_named<double>(loss, loss_parameters), loss_parameters.data()});
  return sums(*rows, columns, of_rows, y, sample_weight, u, {order, hessian_rows}, margins);
}

template <class X>
py::tuple softmax_newton_pass(const X& x, const Vector& y,
                              const std::optional<Vector>& sample_weight, std::ptrdiff_t n_classes,
                              const Vector& u, const Vector& mean, const Vector& inverse_scale,
                              bool fit_intercept, const std::optional<Array<std::int64_t>>& order,
                              const std::optional<Range>& hessian_rows,
                              std::optional<Vector> margins) {
  const std::unique_ptr<StandardRows> rows = rows_of(x);
  const Standardizer columns = standardizer(mean, inverse_scale, rows->n_features(), fit_intercept);
  const double* classes = vector(y, rows->n_samples(), "y");
  const auto is_class = [&](double k) {
    return k >= 0 && k < static_cast<double>(n_classes) && k == std::floor(k);
  };
  if (n_classes < 2 || !std::all_of(classes, classes + y.size(), is_class)) {
    throw py::value_error("y must hold numbers of at least 2 classes");
  }
  const SoftmaxRows of_rows(n_classes);
  return sums(*rows, columns, of_rows, y, sample_weight, u, {order, hessian_rows}, margins);
}

using Square = py::array_t<double, py::array::c_style>;

template <class X> double leverage_pass(const X& x, const Vector& mean, const Vector& inverse_scale,
                                        bool fit_intercept, const Square& L,
                                        const std::optional<Vector>& sample_weight,
                                        const std::optional<Array<std::int64_t>>& order,
                                        std::optional<Vector> leverages) {
  const std::unique_ptr<StandardRows> rows = rows_of(x);
  const std::ptrdiff_t n_samples = rows->n_samples();
  const Standardizer columns = standardizer(mean, inverse_scale, rows->n_features(), fit_intercept);
  const std::ptrdiff_t n = columns.n_columns();
  if (L.ndim() != 2 || L.shape(0) != n || L.shape(1) != n) {
    throw py::value_error("L must have as many rows and columns as there are coefficients");
  }
  const Rows positions = visited(order, n_samples);
  const LeverageTask task{
      L.data(), sample_weight ? vector(*sample_weight, n_samples, "sample_weight") : nullptr,
      positions, leverages ? writeable(*leverages, positions.end, "leverages") : nullptr};
  Interrupt interrupt(signal_raised);
  double largest = 0;
  bool finished = false;
  {
    const py::gil_scoped_release no_gil;
    finished = largest_leverage(*rows, columns, task, largest, interrupt);
  }
  if (!finished) throw py::error_already_set();
  return largest;
}

template <class X> void bind(py::module_& m) {
  m.def("newton_pass", &newton_pass<X>, py::arg("X").noconvert(), py::arg("y").noconvert(),
        py::arg("sample_weight").noconvert(), py::arg("loss"), py::arg("u").noconvert(),
        py::arg("mean").noconvert(), py::arg("inverse_scale").noconvert(), py::arg("fit_intercept"),
        py::kw_only(), py::arg("loss_parameters") = std::vector<double>{},
        py::arg("order").noconvert() = py::none(), py::arg("hessian_rows") = py::none(),
        py::arg("margins").noconvert() = py::none(),
        "Sums of weighted losses, weights, gradients and Hessians in standardised columns.");
  m.def(
      "softmax_newton_pass", &softmax_newton_pass<X>, py::arg("X").noconvert(),
      py::arg("y").noconvert(), py::arg("sample_weight").noconvert(), py::arg("n_classes"),
      py::arg("u").noconvert(), py::arg("mean").noconvert(), py::arg("inverse_scale").noconvert(),
      py::arg("fit_intercept"), py::kw_only(), py::arg("order").noconvert() = py::none(),
      py::arg("hessian_rows") = py::none(), py::arg("margins").noconvert() = py::none(),
      "The same of the softmax loss, in n_classes - 1 vectors of weights; margins of all classes.");
  m.def("leverage_pass", &leverage_pass<X>, py::arg("X").noconvert(), py::arg("mean").noconvert(),
        py::arg("inverse_scale").noconvert(), py::arg("fit_intercept"), py::arg("L").noconvert(),
        py::kw_only(), py::arg("sample_weight").noconvert() = py::none(),
        py::arg("order").noconvert() = py::none(), py::arg("leverages").noconvert() = py::none(),
        "The largest |L^-1 z|^2 of the standardised rows z whose weight is not 0.");
}

}  // namespace

void bind_newton(py::module_& m) {
  bind<CsrMatrix>(m);
  bind<py::array>(m);
}

}  // namespace fallline
