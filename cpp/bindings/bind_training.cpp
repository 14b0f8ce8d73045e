#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/loop.hpp"
#include "bindings/loss.hpp"
#include "training/dense_model.hpp"
#include "training/full_batch.hpp"

namespace fallline {
namespace {

template <class T>
Pass<T> run_pass(const Array<T>& X, const Array<T>& y, const std::optional<Array<T>>& sample_weight,
                 const std::string& loss, const Array<T>& w, double intercept,
                 const std::vector<double>& loss_parameters, bool wants_gradient) {
  const KernelTable<T>& table = kernels<T>();
  const Samples<T> data = samples(X, y, sample_weight);
  const AlignedVector<T> weights = padded(w, data.X.columns);
  const BoundLoss<T> bound{&loss_named<T>(loss, loss_parameters), loss_parameters.data()};
  Pass<T> pass(table, bound, data, wants_gradient);
  Interrupt interrupt(signal_raised);
  bool finished = false;
  {
    // Only plain memory is touched from here; the caller holds the arrays.
    const py::gil_scoped_release no_gil;
    finished = pass.run({nullptr, 0, data.X.rows}, weights.data(), intercept, interrupt);
  }
  if (!finished) throw py::error_already_set();
  return pass;
}

template <class T>
Array<T> compute_margins(const Array<T>& X, const Array<T>& w, double intercept) {
  const MatrixView<T> view = matrix(X, "X");
  const AlignedVector<T> weights = padded(w, view.columns);
  Array<T> out(view.rows);
  T* to = out.mutable_data();
  Interrupt interrupt(signal_raised);
  bool finished = false;
  {
    const py::gil_scoped_release no_gil;
    finished = margins(view, weights.data(), intercept, to, interrupt);
  }
  if (!finished) throw py::error_already_set();
  return out;
}

template <class T>
Loop<DenseModel<T>> make_loop(const Array<T>& X, const Array<T>& y,
                              const std::optional<Array<T>>& sample_weight, const std::string& loss,
                              const std::string& rule, std::vector<double> parameters, double l2,
                              double l1, double weight_decay, std::ptrdiff_t batch_size,
                              const std::string& shuffle, std::uint64_t seed, bool fit_intercept,
                              std::vector<double> loss_parameters) {
  const KernelTable<T>& table = kernels<T>();
  if (parameters.size() != static_cast<std::size_t>(find(table.rules, rule).n_parameters) ||
      batch_size < 1) {
    throw py::value_error("wrong number of parameters, or a batch_size below 1");
  }
  const Samples<T> data = samples(X, y, sample_weight);
  if (data.X.rows < 1) throw py::value_error("X must have at least one row");
  const LossEntry<T>& entry = loss_named<T>(loss, loss_parameters);
  return {DenseModel<T>(data, entry, rule.c_str(),
                        {fit_intercept, l2, l1, weight_decay, std::move(parameters),
                         std::move(loss_parameters)}),
          batch_size, shuffle_named(shuffle), seed};
}

template <class T> void bind_loop(py::module_& m, const char* name) {
  using Dense = Loop<DenseModel<T>>;
  py::class_<Dense>(m, name, "The mini-batch loop over one data set.")
      .def(py::init(&make_loop<T>), py::arg("X").noconvert(), py::arg("y").noconvert(),
           py::arg("sample_weight").noconvert(), py::arg("loss"), py::arg("rule"),
           py::arg("parameters"), py::arg("l2"), py::arg("l1"), py::arg("weight_decay"),
           py::arg("batch_size"), py::arg("shuffle"), py::arg("seed"), py::arg("fit_intercept"),
           py::arg("loss_parameters") = std::vector<double>{}, py::keep_alive<1, 2>(),
           py::keep_alive<1, 3>(), py::keep_alive<1, 4>())
      .def("run", run_steps<DenseModel<T>>, py::arg("learning_rates").noconvert(),
           "One step per rate: steps done, sum of losses, sum of weights.")
      .def_property_readonly("steps_per_epoch", &Dense::steps_per_epoch, "Mini-batches in X.")
      .def_property_readonly("step", &Dense::step, "Steps done so far.")
      .def_property(
          "coef", [](Dense& loop) { return array(loop.model().coef(), loop.model().n_features()); },
          [](Dense& loop, const Array<T>& w) {
            const std::ptrdiff_t n = loop.model().n_features();
            std::copy_n(vector(w, n, "coef"), n, loop.model().coef());
          },
          "A copy of the weights.")
      .def_property(
          "intercept", [](Dense& loop) { return loop.model().intercept(); },
          [](Dense& loop, double b) { loop.model().intercept() = b; }, "The intercept.");
}

template <class T> void bind_passes(py::module_& m) {
  const auto X = py::arg("X").noconvert();
  const auto y = py::arg("y").noconvert();
  const auto sample_weight = py::arg("sample_weight").noconvert();
  const auto w = py::arg("w").noconvert();
  const auto loss_parameters = py::arg("loss_parameters") = std::vector<double>{};
  m.def(
      "loss_sum",
      [](const Array<T>& x, const Array<T>& targets, const std::optional<Array<T>>& weight,
         const std::string& loss, const Array<T>& coef, double intercept,
         const std::vector<double>& parameters) {
        return run_pass(x, targets, weight, loss, coef, intercept, parameters, false).sums().loss;
      },
      X, y, sample_weight, py::arg("loss"), w, py::arg("intercept"), loss_parameters,
      "Sum of the weighted losses.");
  m.def(
      "loss_gradient",
      [](const Array<T>& x, const Array<T>& targets, const std::optional<Array<T>>& weight,
         const std::string& loss, const Array<T>& coef, double intercept,
         const std::vector<double>& parameters) {
        const Pass<T> pass = run_pass(x, targets, weight, loss, coef, intercept, parameters, true);
        return py::make_tuple(pass.sums().loss, array(pass.gradient(), x.shape(1)),
                              pass.sums().intercept_gradient);
      },
      X, y, sample_weight, py::arg("loss"), w, py::arg("intercept"), loss_parameters,
      "Sums of the weighted losses and of their gradients in w and in the intercept.");
  m.def("margins", compute_margins<T>, X, w, py::arg("intercept"), "X w + intercept.");
  m.def(
      "all_finite",
      [](const Array<T>& x) {
        const MatrixView<T> view = matrix(x, "X");
        const py::gil_scoped_release no_gil;
        return all_finite(view);
      },
      X, "Whether a matrix holds no NaN and no infinity.");
  m.def(
      "read_sum",
      [](const Array<T>& x) {
        const std::ptrdiff_t n = x.size();
        const T* data = vector(x, n, "x");
        const py::gil_scoped_release no_gil;
        return read_sum(data, n);
      },
      py::arg("x").noconvert(), "The sum of x, read once at full speed.");
  m.def(
      "fma_chains",
      [](const Array<T>& xy, std::ptrdiff_t n) {
        const T* pair = vector(xy, 2, "xy");
        const py::gil_scoped_release no_gil;
        return kernels<T>().fma_chains(pair[0], pair[1], n);
      },
      py::arg("xy").noconvert(), py::arg("n"),
      "n times z = x z + y in all 64 bytes of a vector, at full speed: what this target computes.");
}

}  // namespace

void bind_training(py::module_& m) {
  bind_loop<float>(m, "LoopFloat32");
  bind_loop<double>(m, "LoopFloat64");
  bind_passes<float>(m);
  bind_passes<double>(m);
  m.def(
      "epoch_order",
      [](const std::string& shuffle, std::ptrdiff_t n_samples, std::ptrdiff_t n_features,
         std::uint64_t seed, std::uint32_t epoch) {
        Order order(shuffle_named(shuffle), n_samples, n_features, seed);
        Interrupt interrupt(signal_raised);
        Rows rows{};
        if (!order.take(epoch, 0, n_samples, n_samples, rows, interrupt)) {
          throw py::error_already_set();
        }
        return array(rows.order, rows.order ? rows.end : 0);
      },
      py::arg("shuffle"), py::arg("n_samples"), py::arg("n_features"), py::arg("seed"),
      py::arg("epoch"), "The order in which an epoch visits the rows.");
}

}  // namespace fallline
