#include <pybind11/stl.h>

#include "bindings/bind.hpp"
#include "bindings/csr_matrix.hpp"
#include "bindings/loop.hpp"
#include "bindings/loss.hpp"
#include "training/csr_model.hpp"

namespace fallline {
namespace {

template <class T, class I> CsrMatrix make_matrix(const Array<T>& values, const Array<I>& indices,
                                                  const Array<I>& starts, std::ptrdiff_t columns) {
  return {csr_view(values, indices, starts, columns), values, indices, starts};
}

template <class T, class I>
CsrSamples<T, I> samples_of(const CsrView<T, I>& X, const py::array& y,
                            const std::optional<py::array>& sample_weight) {
  return {X, vector(of_dtype<T>(y, "y"), X.rows, "y"),
          sample_weight
              ? vector(of_dtype<T>(*sample_weight, "sample_weight"), X.rows, "sample_weight")
              : nullptr};
}

double compute_loss_sum(const CsrMatrix& X, const py::array& y,
                        const std::optional<py::array>& sample_weight, const std::string& loss,
                        const py::array& w, double intercept,
                        const std::vector<double>& loss_parameters) {
  return std::visit(
      [&](const auto& view) {
        using T = std::decay_t<decltype(*view.values)>;
        const auto data = samples_of(view, y, sample_weight);
        const T* weights = vector(of_dtype<T>(w, "w"), view.columns, "w");
        const BoundLoss<T> bound{&loss_named<T>(loss, loss_parameters), loss_parameters.data()};
        Interrupt interrupt(signal_raised);
        double sum = 0;
        bool finished = false;
        {
          // Only plain memory is touched from here; the caller holds the arrays.
          const py::gil_scoped_release no_gil;
          finished = loss_sum(data, bound, weights, intercept, sum, interrupt);
        }
        if (!finished) throw py::error_already_set();
        return sum;
      },
      X.view);
}

py::array compute_margins(const CsrMatrix& X, const py::array& w, double intercept) {
  return std::visit(
      [&](const auto& view) -> py::array {
        using T = std::decay_t<decltype(*view.values)>;
        const T* weights = vector(of_dtype<T>(w, "w"), view.columns, "w");
        Array<T> out(view.rows);
        T* to = out.mutable_data();
        Interrupt interrupt(signal_raised);
        bool finished = false;
        {
          const py::gil_scoped_release no_gil;
          finished = margins(view, weights, intercept, to, interrupt);
        }
        if (!finished) throw py::error_already_set();
        return out;
      },
      X.view);
}

using AnyLoop =
    std::variant<Loop<CsrModel<float, std::int32_t>>, Loop<CsrModel<float, std::int64_t>>,
                 Loop<CsrModel<double, std::int32_t>>, Loop<CsrModel<double, std::int64_t>>>;

// One class for Python, whatever the dtypes.
struct CsrLoop {
  AnyLoop any;

  py::tuple run(const Array<double>& learning_rates) {
    return std::visit([&](auto& loop) { return run_steps(loop, learning_rates); }, any);
  }
  std::ptrdiff_t steps_per_epoch() const {
    return std::visit([](const auto& loop) { return loop.steps_per_epoch(); }, any);
  }
  std::int64_t step() const {
    return std::visit([](const auto& loop) { return loop.step(); }, any);
  }
  py::array coef() {
    return std::visit([](auto& loop) -> py::array { return coef_of(loop.model()); }, any);
  }
  void set_coef(const py::array& w) {
    std::visit([&](auto& loop) { assign_coef(loop.model(), w); }, any);
  }
  double intercept() {
    return std::visit([](auto& loop) { return loop.model().intercept(); }, any);
  }
  void set_intercept(double b) {
    std::visit([b](auto& loop) { loop.model().intercept() = b; }, any);
  }

 private:
  template <class T, class I> static py::array coef_of(const CsrModel<T, I>& model) {
    Array<T> w(model.n_features());
    model.read_coef(w.mutable_data());
    return w;
  }
  template <class T, class I> static void assign_coef(CsrModel<T, I>& model, const py::array& w) {
    model.assign_coef(vector(of_dtype<T>(w, "coef"), model.n_features(), "coef"));
  }
};

CsrLoop make_loop(const CsrMatrix& X, const py::array& y,
                  const std::optional<py::array>& sample_weight, const std::string& loss,
                  const std::string& rule, const std::vector<double>& parameters, double l2,
                  double l1, double weight_decay, std::ptrdiff_t batch_size,
                  const std::string& shuffle, std::uint64_t seed, bool fit_intercept,
                  const std::vector<double>& loss_parameters) {
  if (parameters.size() !=
          static_cast<std::size_t>(find(kernels<float>().rules, rule).n_parameters) ||
      batch_size < 1) {
    throw py::value_error("wrong number of parameters, or a batch_size below 1");
  }
  const StepOptions options{fit_intercept, l2, l1, weight_decay, parameters, loss_parameters};
  return std::visit(
      [&](const auto& view) -> CsrLoop {
        using T = std::decay_t<decltype(*view.values)>;
        using I = std::decay_t<decltype(*view.indices)>;
        if (view.rows < 1) throw py::value_error("X must have at least one row");
        const auto data = samples_of(view, y, sample_weight);
        CsrModel<T, I> model(data, loss_named<T>(loss, loss_parameters), rule.c_str(), options);
        return {Loop<CsrModel<T, I>>(std::move(model), batch_size, shuffle_named(shuffle), seed)};
      },
      X.view);
}

void bind_matrix(py::module_& m) {
  const auto data = py::arg("data").noconvert();
  const auto indices = py::arg("indices").noconvert();
  const auto indptr = py::arg("indptr").noconvert();
  const auto columns = py::arg("n_columns");
  py::class_<CsrMatrix>(m, "CsrMatrix", "A sparse matrix in compressed rows, read in place.")
      .def(py::init(&make_matrix<float, std::int32_t>), data, indices, indptr, columns)
      .def(py::init(&make_matrix<float, std::int64_t>), data, indices, indptr, columns)
      .def(py::init(&make_matrix<double, std::int32_t>), data, indices, indptr, columns)
      .def(py::init(&make_matrix<double, std::int64_t>), data, indices, indptr, columns)
      .def_property_readonly(
          "shape",
          [](const CsrMatrix& X) {
            return std::visit(
                [](const auto& view) { return std::make_pair(view.rows, view.columns); }, X.view);
          },
          "Rows and columns.")
      .def_property_readonly(
          "dtype", [](const CsrMatrix& X) { return X.values.dtype(); }, "Type of the values.")
      .def_property_readonly(
          "data", [](const CsrMatrix& X) { return X.values; }, "The values.")
      .def_property_readonly(
          "indices", [](const CsrMatrix& X) { return X.indices; }, "Their columns.")
      .def_property_readonly(
          "indptr", [](const CsrMatrix& X) { return X.starts; }, "Where each row begins.")
      .def_property_readonly(
          "size", [](const CsrMatrix& X) { return X.values.size(); }, "Stored elements.")
      .def_property_readonly(
          "nbytes",
          [](const CsrMatrix& X) {
            return X.values.nbytes() + X.indices.nbytes() + X.starts.nbytes();
          },
          "Bytes of the three arrays.");
}

void bind_loop(py::module_& m) {
  py::class_<CsrLoop>(m, "CsrLoop", "The mini-batch loop over one sparse data set.")
      .def(py::init(&make_loop), py::arg("X"), py::arg("y"), py::arg("sample_weight"),
           py::arg("loss"), py::arg("rule"), py::arg("parameters"), py::arg("l2"), py::arg("l1"),
           py::arg("weight_decay"), py::arg("batch_size"), py::arg("shuffle"), py::arg("seed"),
           py::arg("fit_intercept"), py::arg("loss_parameters") = std::vector<double>{},
           py::keep_alive<1, 2>(), py::keep_alive<1, 3>(), py::keep_alive<1, 4>())
      .def("run", &CsrLoop::run, py::arg("learning_rates").noconvert(),
           "One step per rate: steps done, sum of losses, sum of weights.")
      .def_property_readonly("steps_per_epoch", &CsrLoop::steps_per_epoch, "Mini-batches in X.")
      .def_property_readonly("step", &CsrLoop::step, "Steps done so far.")
      .def_property("coef", &CsrLoop::coef, &CsrLoop::set_coef, "A copy of the weights.")
      .def_property("intercept", &CsrLoop::intercept, &CsrLoop::set_intercept, "The intercept.");
}

}  // namespace

void bind_csr(py::module_& m) {
  bind_matrix(m);
  bind_loop(m);
  m.def("loss_sum", &compute_loss_sum, py::arg("X"), py::arg("y"), py::arg("sample_weight"),
        py::arg("loss"), py::arg("w"), py::arg("intercept"),
        py::arg("loss_parameters") = std::vector<double>{}, "Sum of the weighted losses.");
  m.def("margins", &compute_margins, py::arg("X"), py::arg("w"), py::arg("intercept"),
        "X w + intercept.");
}

}  // namespace fallline
