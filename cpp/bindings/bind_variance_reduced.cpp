#include <pybind11/stl.h>

#include <utility>

#include "bindings/bind.hpp"
#include "bindings/loop.hpp"
#include "bindings/loss.hpp"
#include "bindings/reader.hpp"
#include "training/variance_reduced.hpp"

namespace fallline {
namespace {

using Vector = Array<double>;
using VarianceLoop = Loop<VarianceReduced>;

Memory memory_named(const std::string& name) {
  if (name == "last_turn") return Memory::last_turn;
  if (name == "snapshot") return Memory::snapshot;
  throw py::value_error("memory must be 'last_turn' or 'snapshot', got '" + name + "'");
}

using OptionalArray = std::optional<py::array>;

// What the columns of a dense matrix are standardised by, if they are.
struct Columns {
  const OptionalArray &mean, &inverse_scale, &shift;
};

AnyReader standard_reader(const CsrMatrix& X, const Columns&) { return reader_of(X); }

template <class T> AnyReader standard_reader_of(const py::array& X, const Columns& columns) {
  std::optional<Array<T>> shift;
  if (columns.shift) shift = of_dtype<T>(*columns.shift, "shift");
  const MatrixView<T> view = matrix<T>(X, "X", shift);
  return DenseReader<T>(
      view, vector(of_dtype<T>(*columns.mean, "mean"), view.columns, "mean"),
      vector(of_dtype<T>(*columns.inverse_scale, "inverse_scale"), view.columns, "inverse_scale"));
}

AnyReader standard_reader(const py::array& X, const Columns& columns) {
  if (!columns.mean || !columns.inverse_scale) return reader_of(X);
  return source_of<float>(X) ? standard_reader_of<float>(X, columns)
                             : standard_reader_of<double>(X, columns);
}

template <class X>
VarianceLoop make_loop(const X& x, const Vector& y, const std::optional<Vector>& sample_weight,
                       const OptionalArray& mean, const OptionalArray& inverse_scale,
                       const OptionalArray& shift, const std::string& loss,
                       std::vector<double> loss_parameters, double l2, double l1,
                       const std::string& memory, bool line_search, const std::string& shuffle,
                       std::uint64_t seed, bool fit_intercept) {
  AnyReader reader = standard_reader(x, {mean, inverse_scale, shift});
  const std::ptrdiff_t n = rows_of(reader);
  if (n < 1) throw py::value_error("X must have at least one row");
  const LossEntry<double>& entry = loss_named<double>(loss, loss_parameters);
  const double* weights = sample_weight ? vector(*sample_weight, n, "sample_weight") : nullptr;
  VarianceReduced model(
      std::move(reader), vector(y, n, "y"), weights, entry,
      {memory_named(memory), line_search, fit_intercept, l2, l1, std::move(loss_parameters)});
  return {std::move(model), 1, shuffle_named(shuffle), seed};
}

template <class X> void define_init(py::class_<VarianceLoop>& loop) {
  const py::arg_v mean = py::arg("mean").noconvert() = py::none(),
                  inverse_scale = py::arg("inverse_scale").noconvert() = py::none(),
                  shift = py::arg("shift").noconvert() = py::none();
  loop.def(py::init(&make_loop<X>), py::arg("X").noconvert(), py::arg("y").noconvert(),
           py::arg("sample_weight").noconvert(), mean, inverse_scale, shift, py::kw_only(),
           py::arg("loss"), py::arg("loss_parameters"), py::arg("l2"), py::arg("l1"),
           py::arg("memory"), py::arg("line_search"), py::arg("shuffle"), py::arg("seed"),
           py::arg("fit_intercept"), py::keep_alive<1, 2>(), py::keep_alive<1, 3>(),
           py::keep_alive<1, 4>(), py::keep_alive<1, 5>(), py::keep_alive<1, 6>(),
           py::keep_alive<1, 7>());
}

Vector coef(VarianceLoop& loop) {
  return array(loop.model().weights().data(), loop.model().n_features());
}

void set_coef(VarianceLoop& loop, const Vector& w) {
  const std::ptrdiff_t n = loop.model().n_features();
  std::copy_n(vector(w, n, "coef"), n, loop.model().weights().begin());
}

}  // namespace

void bind_variance_reduced(py::module_& m) {
  py::class_<VarianceLoop> loop(m, "VarianceReducedLoop", "SAGA or SVRG over one data set.");
  define_init<CsrMatrix>(loop);
  define_init<py::array>(loop);
  loop.def("run", run_steps<VarianceReduced>, py::arg("learning_rates").noconvert(),
           "One step per rate: steps done, sum of losses, sum of weights.")
      .def_property_readonly("steps_per_epoch", &VarianceLoop::steps_per_epoch, "Rows of X.")
      .def_property_readonly("step", &VarianceLoop::step, "Steps done so far.")
      .def_property_readonly(
          "learning_rate", [](VarianceLoop& self) { return self.model().learning_rate(); },
          "Of the last step.")
      .def_property_readonly(
          "snapshots", [](VarianceLoop& self) { return self.model().snapshots(); },
          "Passes over all rows for their gradient.")
      .def_property("coef", coef, set_coef, "A copy of the weights.")
      .def_property(
          "intercept", [](VarianceLoop& self) { return self.model().intercept(); },
          [](VarianceLoop& self, double b) { self.model().intercept() = b; }, "The intercept.");
}

}  // namespace fallline
