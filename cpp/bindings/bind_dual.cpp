#include <pybind11/stl.h>

#include <utility>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/loss.hpp"
#include "bindings/reader.hpp"
#include "training/dual_pass.hpp"
#include "training/row_sums.hpp"

namespace fallline {
namespace {

using Vector = Array<double>;

// Runs work(interrupt) without the GIL; only plain memory may be touched there, and the caller
// holds the arrays.
template <class Work> void run(const Work& work) {
  Interrupt interrupt(signal_raised);
  bool finished = false;
  {
    const py::gil_scoped_release no_gil;
    finished = work(interrupt);
  }
  if (!finished) throw py::error_already_set();
}

template <class X> Vector compute_row_products(const X& x, const Vector& w) {
  const AnyReader reader = reader_of(x);
  const double* weights = vector(w, columns_of(reader), "w");
  Vector out(rows_of(reader));
  double* to = out.mutable_data();
  run([&](Interrupt& interrupt) { return row_products(reader, weights, to, interrupt); });
  return out;
}

template <class X> Vector compute_row_sums(const X& x, const Vector& r, bool squares) {
  const AnyReader reader = reader_of(x);
  const double* factors = vector(r, rows_of(reader), "r");
  Vector out(columns_of(reader));
  double* to = out.mutable_data();
  const Power power = squares ? Power::two : Power::one;
  run([&](Interrupt& interrupt) { return row_sums(reader, factors, power, to, interrupt); });
  return out;
}

template <class X> Vector compute_gram_products(const X& x, const Vector& c, const Vector& w) {
  const AnyReader reader = reader_of(x);
  const double* factors = vector(c, rows_of(reader), "c");
  const double* weights = vector(w, columns_of(reader), "w");
  Vector out(columns_of(reader));
  double* to = out.mutable_data();
  run([&](Interrupt& interrupt) { return gram_products(reader, factors, weights, to, interrupt); });
  return out;
}

template <class X> Vector compute_squared_norms(const X& x) {
  const AnyReader reader = reader_of(x);
  Vector out(rows_of(reader));
  double* to = out.mutable_data();
  run([&](Interrupt& interrupt) { return squared_norms(reader, to, interrupt); });
  return out;
}

// The step of the loss of that name, which is among those from place K on.
template <std::size_t K = 0>
AnyDualStep step_of(const std::string& loss, const std::vector<double>& parameters) {
  if constexpr (K < std::variant_size_v<AnyDualStep>) {
    using Step = std::variant_alternative_t<K, AnyDualStep>;
    if (loss == Step::name) return Step(parameters.data());
    return step_of<K + 1>(loss, parameters);
  } else {
    throw py::value_error(loss + " has no dual step");
  }
}

template <std::size_t... K> std::vector<std::string> names_of(std::index_sequence<K...>) {
  return {std::variant_alternative_t<K, AnyDualStep>::name...};
}

template <class X>
py::tuple run_dual_epoch(const X& x, const Vector& y, const std::optional<Vector>& sample_weight,
                         const std::string& loss, const std::vector<double>& loss_parameters,
                         const Array<std::int64_t>& order, const Vector& squared_norms, double rate,
                         double intercept_rate, Vector duals, Vector w, double intercept) {
  const AnyReader reader = reader_of(x);
  const std::ptrdiff_t n = rows_of(reader);
  loss_named<double>(loss, loss_parameters);  // checks the number of parameters
  const AnyDualStep step = step_of(loss, loss_parameters);
  const DualTask task{vector(order, n, "order"),
                      vector(y, n, "y"),
                      sample_weight ? vector(*sample_weight, n, "sample_weight") : nullptr,
                      vector(squared_norms, n, "squared_norms"),
                      rate,
                      intercept_rate};
  if (!std::all_of(task.order, task.order + n, [&](auto i) { return i >= 0 && i < n; })) {
    throw py::value_error("order must hold numbers of rows of X");
  }
  DualPoint point{writeable(duals, n, "duals"), writeable(w, columns_of(reader), "w"), intercept,
                  0};
  run([&](Interrupt& interrupt) { return dual_epoch(reader, step, task, point, interrupt); });
  return py::make_tuple(point.intercept, point.gap);
}

template <class X> void bind(py::module_& m) {
  m.def("row_products", &compute_row_products<X>, py::arg("X").noconvert(),
        py::arg("w").noconvert(), "X w in float64.");
  m.def("row_sums", &compute_row_sums<X>, py::arg("X").noconvert(), py::arg("r").noconvert(),
        py::kw_only(), py::arg("squares") = false,
        "X' r in float64, or of the squares of the stored elements.");
  m.def("gram_products", &compute_gram_products<X>, py::arg("X").noconvert(),
        py::arg("c").noconvert(), py::arg("w").noconvert(),
        "X' C X w in float64, with c on the diagonal of C: one look at the rows.");
  m.def("squared_norms", &compute_squared_norms<X>, py::arg("X").noconvert(),
        "The square of the length of every row.");
  m.def("dual_epoch", &run_dual_epoch<X>, py::arg("X").noconvert(), py::arg("y").noconvert(),
        py::arg("sample_weight").noconvert(), py::arg("loss"), py::arg("loss_parameters"),
        py::arg("order").noconvert(), py::arg("squared_norms").noconvert(), py::arg("rate"),
        py::arg("intercept_rate"), py::arg("duals").noconvert(), py::arg("w").noconvert(),
        py::arg("intercept"),
        "Dual coordinate ascent over the rows in that order, in place: intercept, and rows' gaps.");
}

}  // namespace

void bind_dual(py::module_& m) {
  bind<CsrMatrix>(m);
  bind<py::array>(m);
  m.def(
      "dual_losses",
      [] { return names_of(std::make_index_sequence<std::variant_size_v<AnyDualStep>>()); },
      "Names of the losses that dual_epoch takes.");
}

}  // namespace fallline
