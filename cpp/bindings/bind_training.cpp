#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/loop.hpp"
#include "bindings/loss.hpp"
#include "training/dense_model.hpp"
#include "training/full_batch.hpp"
#include "training/moments.hpp"

namespace fallline {
namespace {

template <class T> Pass<T> run_pass(const py::array& X, const Array<T>& y,
                                    const std::optional<Array<T>>& sample_weight,
                                    const std::string& loss, const Array<T>& w, double intercept,
                                    const std::vector<double>& loss_parameters,
                                    const std::optional<Array<T>>& shift, bool wants_gradient) {
  const KernelTable<T>& table = kernels<T>();
  const Samples<T> data = samples(X, shift, y, sample_weight);
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

template <class T> Array<T> compute_margins(const py::array& X, const Array<T>& w, double intercept,
                                            const std::optional<Array<T>>& shift) {
  const MatrixView<T> view = matrix(X, "X", shift);
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

template <class T> py::tuple moments(const py::array& X, const py::object& sample_weight) {
  const MatrixView<T> view = matrix<T>(X, "X");
  const T* weights = nullptr;
  if (!sample_weight.is_none()) {
    if (!py::isinstance<Array<T>>(sample_weight)) {
      throw py::type_error("sample_weight must have the type that X is computed in");
    }
    weights = vector(sample_weight.cast<Array<T>>(), view.rows, "sample_weight");
  }
  Array<double> mean(view.columns), variance(view.columns);
  double *to_mean = mean.mutable_data(), *to_variance = variance.mutable_data();
  Interrupt interrupt(signal_raised);
  bool finished = false;
  {
    const py::gil_scoped_release no_gil;
    finished = column_moments(view, weights, to_mean, to_variance, interrupt);
  }
  if (!finished) throw py::error_already_set();
  return py::make_tuple(mean, variance);
}

template <class T> Loop<DenseModel<T>> make_loop(
    const py::array& X, const Array<T>& y, const std::optional<Array<T>>& sample_weight,
    const std::string& loss, const std::string& rule, std::vector<double> parameters, double l2,
    double l1, double weight_decay, std::ptrdiff_t batch_size, const std::string& shuffle,
    std::uint64_t seed, bool fit_intercept, std::vector<double> loss_parameters,
    const std::optional<Array<T>>& shift, const std::optional<Array<T>>& mean,
    const std::optional<Array<T>>& inverse_scale, const std::string& rate) {
  const KernelTable<T>& table = kernels<T>();
  const RateRule rate_rule = rate_rule_named(rate);
  if (rate_rule == RateRule::prodigy && rule != "adam") {
    throw py::value_error("rate 'prodigy' goes with the rule 'adam'");
  }
  if (parameters.size() != static_cast<std::size_t>(find(table.rules, rule).n_parameters) ||
      batch_size < 1) {
    throw py::value_error("wrong number of parameters, or a batch_size below 1");
  }
  const Samples<T> data = samples(X, shift, y, sample_weight);
  if (data.X.rows < 1) throw py::value_error("X must have at least one row");
  if (mean.has_value() != inverse_scale.has_value()) {
    throw py::value_error("mean and inverse_scale go together");
  }
  Standardization<T> standardization;
  if (mean) {
    standardization = {padded(*mean, data.X.columns, "mean"),
                       padded(*inverse_scale, data.X.columns, "inverse_scale")};
  }
  const LossEntry<T>& entry = loss_named<T>(loss, loss_parameters);
  return {DenseModel<T>(data, entry, rule.c_str(),
                        {fit_intercept, l2, l1, weight_decay, std::move(parameters),
                         std::move(loss_parameters), rate_rule},
                        std::move(standardization)),
          batch_size, shuffle_named(shuffle), seed};
}

template <class T> void bind_loop(py::module_& m, const char* name) {
  using Dense = Loop<DenseModel<T>>;
  py::class_<Dense>(m, name, "The mini-batch loop over one data set.")
      .def(py::init(&make_loop<T>), py::arg("X").noconvert(), py::arg("y").noconvert(),
           py::arg("sample_weight").noconvert(), py::arg("loss"), py::arg("rule"),
           py::arg("parameters"), py::arg("l2"), py::arg("l1"), py::arg("weight_decay"),
           py::arg("batch_size"), py::arg("shuffle"), py::arg("seed"), py::arg("fit_intercept"),
           py::arg("loss_parameters") = std::vector<double>{},
           py::arg("shift").noconvert() = py::none(), py::arg("mean").noconvert() = py::none(),
           py::arg("inverse_scale").noconvert() = py::none(), py::arg("rate") = "",
           py::keep_alive<1, 2>(), py::keep_alive<1, 3>(), py::keep_alive<1, 4>(),
           py::keep_alive<1, 16>())
      .def("run", run_steps<DenseModel<T>>, py::arg("learning_rates").noconvert(),
           "One step per rate: steps done, sum of losses, sum of weights.")
      .def_property_readonly("steps_per_epoch", &Dense::steps_per_epoch, "Mini-batches in X.")
      .def_property_readonly("step", &Dense::step, "Steps done so far.")
      .def_property_readonly(
          "learning_rate", [](Dense& loop) { return loop.model().learning_rate(); },
          "Of the last step, where one is found.")
      .def_property(
          "coef",
          [](Dense& loop) {
            Array<T> w(loop.model().n_features());
            loop.model().read_coef(w.mutable_data());
            return w;
          },
          [](Dense& loop, const Array<T>& w) {
            loop.model().assign_coef(vector(w, loop.model().n_features(), "coef"));
          },
          "A copy of the weights; those of standardised columns where mean was given.")
      .def_property(
          "intercept", [](Dense& loop) { return loop.model().read_intercept(); },
          [](Dense& loop, double b) { loop.model().assign_intercept(b); }, "The intercept.");
}

template <class T> void bind_passes(py::module_& m) {
  const auto X = py::arg("X").noconvert();
  const auto y = py::arg("y").noconvert();
  const auto sample_weight = py::arg("sample_weight").noconvert();
  const auto w = py::arg("w").noconvert();
  const py::arg_v shift = py::arg("shift").noconvert() = py::none();
  const auto loss_parameters = py::arg("loss_parameters") = std::vector<double>{};
  m.def(
      "loss_sum",
      [](const py::array& x, const Array<T>& targets, const std::optional<Array<T>>& weight,
         const std::string& loss, const Array<T>& coef, double intercept,
         const std::vector<double>& parameters, const std::optional<Array<T>>& shift) {
        return run_pass(x, targets, weight, loss, coef, intercept, parameters, shift, false)
            .sums()
            .loss;
      },
      X, y, sample_weight, py::arg("loss"), w, py::arg("intercept"), loss_parameters, shift,
      "Sum of the weighted losses.");
  m.def(
      "loss_gradient",
      [](const py::array& x, const Array<T>& targets, const std::optional<Array<T>>& weight,
         const std::string& loss, const Array<T>& coef, double intercept,
         const std::vector<double>& parameters, const std::optional<Array<T>>& shift) {
        const Pass<T> pass =
            run_pass(x, targets, weight, loss, coef, intercept, parameters, shift, true);
        return py::make_tuple(pass.sums().loss, array(pass.gradient(), x.shape(1)),
                              pass.sums().intercept_gradient);
      },
      X, y, sample_weight, py::arg("loss"), w, py::arg("intercept"), loss_parameters, shift,
      "Sums of the weighted losses and of their gradients in w and in the intercept.");
  m.def("margins", compute_margins<T>, X, w, py::arg("intercept"), shift, "X w + intercept.");
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
      "in_place",
      [](Array<T> w, Array<T> a, Array<T> b, const Array<T>& g) {
        const std::ptrdiff_t n = w.size();
        T *to_w = writeable(w, n, "w"), *to_a = writeable(a, n, "a"), *to_b = writeable(b, n, "b");
        const T* from = vector(g, n, "g");
        const py::gil_scoped_release no_gil;
        kernels<T>().in_place(to_w, to_a, to_b, from, n);
      },
      py::arg("w").noconvert(), py::arg("a").noconvert(), py::arg("b").noconvert(),
      py::arg("g").noconvert(), "Adds g to each of the others at full speed, on one thread.");
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

void bind_sources(py::module_& m) {
  m.def(
      "sources",
      [] {
        py::dict computed_in;
        for (const auto& source : kernels<float>().sources) computed_in[source.name] = "float32";
        for (const auto& source : kernels<double>().sources) computed_in[source.name] = "float64";
        return computed_in;
      },
      "Kinds of elements that are read in place, and the dtype each is computed in.");
  m.def(
      "column_moments",
      [](const py::array& X, const py::object& sample_weight) {
        return source_of<float>(X) ? moments<float>(X, sample_weight)
                                   : moments<double>(X, sample_weight);
      },
      py::arg("X").noconvert(), py::arg("sample_weight"),
      "Weighted mean and variance of every column.");
  m.def(
      "all_finite",
      [](const py::array& X) {
        const auto check = [](const auto& view) {
          const py::gil_scoped_release no_gil;
          return all_finite(view);
        };
        return source_of<float>(X) ? check(matrix<float>(X, "X")) : check(matrix<double>(X, "X"));
      },
      py::arg("X").noconvert(), "Whether a matrix holds no NaN and no infinity.");
}

}  // namespace

void bind_training(py::module_& m) {
  bind_loop<float>(m, "LoopFloat32");
  bind_loop<double>(m, "LoopFloat64");
  bind_passes<float>(m);
  bind_passes<double>(m);
  bind_sources(m);
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
