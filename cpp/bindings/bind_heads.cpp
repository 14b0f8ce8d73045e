#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/loop.hpp"
#include "training/full_batch.hpp"
#include "training/head_lines.hpp"
#include "training/heads_model.hpp"

namespace fallline {
namespace {

template <class T> using Weights = std::optional<Array<T>>;
using Folds = std::optional<Array<std::uint8_t>>;

HeadTargets targets_named(const std::string& name) {
  if (name == "shared") return HeadTargets::shared;
  if (name == "per_head") return HeadTargets::per_head;
  if (name == "classes") return HeadTargets::classes;
  throw py::value_error("targets must be 'shared', 'per_head' or 'classes', got '" + name + "'");
}

// A row-major array of n_rows times n_columns.
template <class T> const T* table_of(const Array<T>& x, std::ptrdiff_t n_rows,
                                     std::ptrdiff_t n_columns, const char* name) {
  const MatrixView<T> view = matrix<T>(x, name);
  if (view.unpack || view.rows != n_rows || view.columns != n_columns ||
      (view.rows > 1 && view.stride != view.columns)) {
    throw py::value_error(std::string(name) + " must be contiguous and of shape (" +
                          std::to_string(n_rows) + ", " + std::to_string(n_columns) + ")");
  }
  return view.data;
}

// A head without rows would divide by zero.
template <class T>
void check_folds(const HeadSamples<T>& samples, const std::vector<int>& fold_of_heads) {
  for (const int fold : fold_of_heads) {
    const auto* end = samples.folds + samples.X.rows;
    if (std::all_of(samples.folds, end, [fold](int of_row) { return of_row == fold; })) {
      throw py::value_error("every head must have rows outside its fold");
    }
  }
}

// Class numbers index memory, so they are looked at once more.
template <class T> void check_classes(const HeadSamples<T>& samples) {
  const auto n = static_cast<T>(samples.n_heads);
  for (std::ptrdiff_t i = 0; i < samples.X.rows; ++i) {
    if (!(samples.targets[i] >= 0 && samples.targets[i] < n)) {
      throw py::value_error("y must hold class numbers below n_heads");
    }
  }
}

template <class T> HeadSamples<T> head_samples(const py::array& X, const Array<T>& y,
                                               const Weights<T>& sample_weight,
                                               const std::string& targets, std::ptrdiff_t n_heads) {
  const MatrixView<T> view = matrix<T>(X, "X");
  if (view.rows < 1 || n_heads < 1) throw py::value_error("X must have rows, and there be heads");
  const HeadTargets kind = targets_named(targets);
  const HeadSamples<T> samples{
      view,
      kind,
      kind == HeadTargets::per_head ? table_of(y, view.rows, n_heads, "y")
                                    : vector(y, view.rows, "y"),
      sample_weight ? vector(*sample_weight, view.rows, "sample_weight") : nullptr,
      nullptr,
      nullptr,
      n_heads};
  if (kind == HeadTargets::classes) check_classes(samples);
  return samples;
}

template <class T> const HeadLossEntry<T>& head_loss(const std::string& name,
                                                     const std::vector<double>& parameters,
                                                     const HeadSamples<T>& samples) {
  const HeadLossEntry<T>& loss = find(kernels<T>().head_losses, name);
  if (parameters.size() != static_cast<std::size_t>(loss.n_parameters)) {
    throw py::value_error("wrong number of loss_parameters for " + name);
  }
  if (loss.coupled && samples.kind != HeadTargets::classes) {
    throw py::value_error("the heads of " + name + " are classes");
  }
  return loss;
}

template <class T> Loop<HeadsModel<T>> make_loop(const py::array& X, const Array<T>& y,
                                                 const Weights<T>& sample_weight,
                                                 const std::string& targets, std::ptrdiff_t n_heads,
                                                 const std::string& loss, const std::string& rule,
                                                 HeadOptions options, const Folds& folds,
                                                 std::ptrdiff_t batch_size,
                                                 const std::string& shuffle, std::uint64_t seed) {
  HeadSamples<T> samples = head_samples(X, y, sample_weight, targets, n_heads);
  const auto n = static_cast<std::size_t>(n_heads);
  const auto n_parameters = static_cast<std::size_t>(find(kernels<T>().rules, rule).n_parameters);
  if (options.l2.size() != n || options.l1.size() != n || options.weight_decay.size() != n ||
      options.rule_parameters.size() != n_parameters || batch_size < 1) {
    throw py::value_error("wrong number of parameters or penalties, or a batch_size below 1");
  }
  if (options.rate != RateRule::none && samples.kind == HeadTargets::shared) {
    throw py::value_error("rate must be '' with shared targets");
  }
  if (options.rate == RateRule::prodigy && rule != "adam") {
    throw py::value_error("rate 'prodigy' goes with the rule 'adam'");
  }
  if (folds) {
    samples.folds = vector(*folds, samples.X.rows, "folds");
    if (options.fold_of_heads.size() != n || samples.kind != HeadTargets::shared) {
      throw py::value_error("folds need shared targets and a fold for each head");
    }
    check_folds(samples, options.fold_of_heads);
  }
  const HeadLossEntry<T>& entry = head_loss(loss, options.loss_parameters, samples);
  return {HeadsModel<T>(samples, entry, rule.c_str(), std::move(options)), batch_size,
          shuffle_named(shuffle), seed};
}

template <class T> Array<T> table(std::ptrdiff_t rows, std::ptrdiff_t columns) {
  return Array<T>(std::vector<py::ssize_t>{rows, columns});
}

template <class T>
HeadPass<T> run_pass(const py::array& X, const Array<T>& y, const Weights<T>& sample_weight,
                     const std::string& targets, const std::string& loss, const Array<T>& coef,
                     const Array<double>& intercept, const std::vector<double>& parameters,
                     bool wants_gradient) {
  const std::ptrdiff_t n_heads = intercept.size();
  const HeadSamples<T> samples = head_samples(X, y, sample_weight, targets, n_heads);
  const HeadLossEntry<T>& entry = head_loss(loss, parameters, samples);
  const std::ptrdiff_t d = samples.X.columns;
  HeadPass<T> pass(entry, parameters, samples, wants_gradient);
  const AlignedVector<T> w = pass.layout().laid_out(table_of(coef, d, n_heads, "coef"));
  const AlignedVector<T> b =
      intercepts_in_lines<T>(vector(intercept, n_heads, "intercept"), n_heads);
  Interrupt interrupt(signal_raised);
  bool finished = false;
  {
    // Only plain memory is touched from here; the caller holds the arrays.
    const py::gil_scoped_release no_gil;
    finished = pass.run({nullptr, 0, samples.X.rows}, w.data(), b.data(), interrupt);
  }
  if (!finished) throw py::error_already_set();
  return pass;
}

template <class T>
py::tuple loss_gradient(const py::array& X, const Array<T>& y, const Weights<T>& sample_weight,
                        const std::string& targets, const std::string& loss, const Array<T>& coef,
                        const Array<double>& intercept, const std::vector<double>& parameters) {
  const HeadPass<T> pass =
      run_pass(X, y, sample_weight, targets, loss, coef, intercept, parameters, true);
  const std::ptrdiff_t n_heads = intercept.size();
  Array<T> gradient = table<T>(X.shape(1), n_heads);
  T* out = gradient.mutable_data();
  pass.layout().for_each_weight(
      [&](std::ptrdiff_t to, std::ptrdiff_t from) { out[to] = pass.gradient()[from]; });
  return py::make_tuple(array(pass.loss(), n_heads), gradient,
                        array(pass.intercept_gradient(), n_heads));
}

template <class T>
Array<T> compute_margins(const py::array& X, const Array<T>& coef, const Array<double>& intercept) {
  const MatrixView<T> view = matrix<T>(X, "X");
  const std::ptrdiff_t n_heads = intercept.size();
  const std::ptrdiff_t d = view.columns;
  const AlignedVector<T> w = HeadLayout<T>(d, n_heads).laid_out(table_of(coef, d, n_heads, "coef"));
  const AlignedVector<T> b =
      intercepts_in_lines<T>(vector(intercept, n_heads, "intercept"), n_heads);
  Array<T> out = table<T>(view.rows, n_heads);
  T* to = out.mutable_data();
  Interrupt interrupt(signal_raised);
  bool finished = false;
  {
    const py::gil_scoped_release no_gil;
    finished = head_margins(view, w.data(), b.data(), n_heads, to, interrupt);
  }
  if (!finished) throw py::error_already_set();
  return out;
}

template <class T> void bind_loop(py::module_& m, const char* name) {
  using Heads = Loop<HeadsModel<T>>;
  const auto n = [](Heads& loop) { return loop.model().n_heads(); };
  py::class_<Heads>(m, name, "The mini-batch loop for models of several heads.")
      .def(py::init([](const py::array& X, const Array<T>& y, const Weights<T>& sample_weight,
                       const std::string& targets, std::ptrdiff_t n_heads, const std::string& loss,
                       const std::string& rule, std::vector<double> parameters,
                       std::vector<double> l2, std::vector<double> l1,
                       std::vector<double> weight_decay, std::ptrdiff_t batch_size,
                       const std::string& shuffle, std::uint64_t seed, bool fit_intercept,
                       const Folds& folds, std::vector<int> fold_of_heads,
                       std::vector<double> loss_parameters, const std::string& rate) {
             return make_loop<T>(
                 X, y, sample_weight, targets, n_heads, loss, rule,
                 {fit_intercept, std::move(l2), std::move(l1), std::move(weight_decay),
                  std::move(parameters), std::move(loss_parameters), std::move(fold_of_heads),
                  rate_rule_named(rate)},
                 folds, batch_size, shuffle, seed);
           }),
           py::arg("X").noconvert(), py::arg("y").noconvert(), py::arg("sample_weight").noconvert(),
           py::arg("targets"), py::arg("n_heads"), py::arg("loss"), py::arg("rule"),
           py::arg("parameters"), py::arg("l2"), py::arg("l1"), py::arg("weight_decay"),
           py::arg("batch_size"), py::arg("shuffle"), py::arg("seed"), py::arg("fit_intercept"),
           py::arg("folds").noconvert() = py::none(), py::arg("fold_of_heads") = std::vector<int>{},
           py::arg("loss_parameters") = std::vector<double>{}, py::arg("rate") = "",
           py::keep_alive<1, 2>(), py::keep_alive<1, 3>(), py::keep_alive<1, 4>(),
           py::keep_alive<1, 17>())
      .def(
          "run",
          [](Heads& loop, const Array<double>& learning_rates) {
            const std::ptrdiff_t n = learning_rates.ndim() ? learning_rates.shape(0) : 0;
            const double* rates =
                loop.model().candidates()
                    ? table_of(learning_rates, n, loop.model().n_heads(), "learning_rates")
                    : vector(learning_rates, n, "learning_rates");
            loop.model().clear_sums();
            return run_chunk(loop, rates, n);
          },
          py::arg("learning_rates").noconvert(),
          "One step per rate, or with shared targets per row of a rate for each head: steps done, "
          "sum of losses, sum of weights.")
      .def_property_readonly(
          "head_losses", [n](Heads& loop) { return array(loop.model().losses(), n(loop)); },
          "Sums of the losses of each head over the last run.")
      .def_property_readonly(
          "head_weights", [n](Heads& loop) { return array(loop.model().weights(), n(loop)); },
          "Sums of the weights of each head over the last run.")
      .def_property_readonly(
          "stopped",
          [n](Heads& loop) {
            std::vector<bool> stopped;
            for (std::ptrdiff_t k = 0; k < n(loop); ++k) stopped.push_back(loop.model().stays(k));
            return stopped;
          },
          "Which heads change no more.")
      .def(
          "stop",
          [n](Heads& loop, std::ptrdiff_t head) {
            if (head < 0 || head >= n(loop)) throw py::index_error("there is no such head");
            loop.model().stay(head);
          },
          py::arg("head"), "Let a head change no more.")
      .def_property_readonly("steps_per_epoch", &Heads::steps_per_epoch, "Mini-batches in X.")
      .def_property_readonly("step", &Heads::step, "Steps done so far.")
      .def_property_readonly(
          "learning_rate", [](Heads& loop) { return loop.model().learning_rate(); },
          "Of the last step, of the first head.")
      .def_property(
          "coef",
          [n](Heads& loop) {
            Array<T> coef = table<T>(loop.model().n_features(), n(loop));
            loop.model().get_coef(coef.mutable_data());
            return coef;
          },
          [n](Heads& loop, const Array<T>& w) {
            loop.model().set_coef(table_of(w, loop.model().n_features(), n(loop), "coef"));
          },
          "A copy of the weights, of shape (n_features, n_heads).")
      .def_property(
          "intercept", [n](Heads& loop) { return array(loop.model().intercepts(), n(loop)); },
          [n](Heads& loop, const Array<double>& b) {
            loop.model().set_intercepts(vector(b, n(loop), "intercept"));
          },
          "A copy of the intercepts.");
}

template <class T> void bind_passes(py::module_& m) {
  const auto X = py::arg("X").noconvert();
  const auto y = py::arg("y").noconvert();
  const auto sample_weight = py::arg("sample_weight").noconvert();
  const auto coef = py::arg("coef").noconvert();
  const auto intercept = py::arg("intercept").noconvert();
  const auto loss_parameters = py::arg("loss_parameters") = std::vector<double>{};
  m.def(
      "head_loss_sums",
      [](const py::array& x, const Array<T>& targets, const Weights<T>& weight,
         const std::string& kind, const std::string& loss, const Array<T>& w,
         const Array<double>& b, const std::vector<double>& parameters) {
        return array(run_pass(x, targets, weight, kind, loss, w, b, parameters, false).loss(),
                     b.size());
      },
      X, y, sample_weight, py::arg("targets"), py::arg("loss"), coef, intercept, loss_parameters,
      "Sums of the weighted losses of each head; a coupled loss has one, in the first place.");
  m.def("head_loss_gradients", loss_gradient<T>, X, y, sample_weight, py::arg("targets"),
        py::arg("loss"), coef, intercept, loss_parameters,
        "Those sums, and of their gradients in the weights and in the intercepts.");
  m.def("head_margins", compute_margins<T>, X, coef, intercept, "X coef + intercept.");
}

}  // namespace

void bind_heads(py::module_& m) {
  m.def(
      "coupled_losses",
      [] {
        std::vector<std::string> names;
        for (const auto& loss : kernels<float>().head_losses) {
          if (loss.coupled) names.emplace_back(loss.name);
        }
        return names;
      },
      "Names of the losses whose heads are classes of one model.");
  bind_loop<float>(m, "HeadsLoopFloat32");
  bind_loop<double>(m, "HeadsLoopFloat64");
  bind_passes<float>(m);
  bind_passes<double>(m);
}

}  // namespace fallline
