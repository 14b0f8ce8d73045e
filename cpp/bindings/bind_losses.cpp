#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/loss.hpp"
#include "training/model_gap.hpp"

namespace fallline {
namespace {

using Parameters = std::vector<double>;

template <class E> std::vector<std::string> names(const Entries<E>& entries) {
  std::vector<std::string> found;
  for (const E& entry : entries) found.emplace_back(entry.name);
  return found;
}

template <class T> Array<T> of_margins(Binary<T> function, const Array<T>& margins,
                                       const Array<T>& targets, const Parameters& parameters) {
  const std::ptrdiff_t n = margins.size();
  Array<T> out(n);
  function(vector(margins, n, "margins"), vector(targets, n, "targets"), out.mutable_data(), n,
           parameters.data());
  return out;
}

template <class T> void bind(py::module_& m) {
  const auto margins = py::arg("margins").noconvert();
  const auto targets = py::arg("targets").noconvert();
  const auto loss_parameters = py::arg("loss_parameters") = Parameters{};
  m.def(
      "loss_values",
      [](const std::string& loss, const Array<T>& z, const Array<T>& y, const Parameters& p) {
        return of_margins(loss_named<T>(loss, p).values, z, y, p);
      },
      py::arg("loss"), margins, targets, loss_parameters, "Losses of given margins.");
  m.def(
      "loss_derivatives",
      [](const std::string& loss, const Array<T>& z, const Array<T>& y, const Parameters& p) {
        return of_margins(loss_named<T>(loss, p).derivatives, z, y, p);
      },
      py::arg("loss"), margins, targets, loss_parameters,
      "Derivatives of the losses in the margins.");
  m.def(
      "loss_curvatures",
      [](const std::string& loss, const Array<T>& z, const Array<T>& y, const Parameters& p) {
        return of_margins(loss_named<T>(loss, p).curvatures, z, y, p);
      },
      py::arg("loss"), margins, targets, loss_parameters,
      "Second derivatives of the losses in the margins.");
  m.def(
      "loss_conjugates",
      [](const std::string& loss, const Array<T>& duals, const Array<T>& y, const Parameters& p) {
        const LossEntry<T>& entry = loss_named<T>(loss, p);
        if (!entry.conjugates) throw py::value_error(loss + " has no conjugate in closed form");
        return of_margins(entry.conjugates, duals, y, p);
      },
      py::arg("loss"), py::arg("duals").noconvert(), targets, loss_parameters,
      "Convex conjugates of the losses, in the margin.");
  m.def(
      "evaluate",
      [](const std::string& function, const Array<T>& x) {
        const std::ptrdiff_t n = x.size();
        Array<T> out(n);
        find(kernels<T>().functions, function).apply(vector(x, n, "x"), out.mutable_data(), n);
        return out;
      },
      py::arg("function"), py::arg("x").noconvert(), "One of the kernels' own functions.");
}

}  // namespace

void bind_losses(py::module_& m) {
  m.def("losses", [] { return names(kernels<float>().losses); }, "Names of the losses.");
  m.def(
      "loss_smoothness",
      [](const std::string& loss, const Parameters& p) {
        return loss_named<double>(loss, p).smoothness(p.data());
      },
      py::arg("loss"), py::arg("loss_parameters") = Parameters{},
      "The largest second derivative of a loss; infinite where there is none.");
  m.def(
      "functions", [] { return names(kernels<float>().functions); },
      "Names of the functions that evaluate takes.");
  m.def(
      "model_gap",
      [](const std::string& loss, const Parameters& p, const Array<double>& z,
         const Array<double>& ends, const Array<double>& y,
         const std::optional<Array<double>>& sample_weight, Array<double>& clipped) {
        const LossEntry<double>& entry = loss_named<double>(loss, p);
        if (!entry.conjugates) throw py::value_error(loss + " has no conjugate in closed form");
        const std::ptrdiff_t n = z.size();
        const ModelGapTask task{
            {&entry, p.data()},
            vector(z, n, "margins"),
            vector(ends, n, "ends"),
            vector(y, n, "targets"),
            sample_weight ? vector(*sample_weight, n, "sample_weight") : nullptr,
            writeable(clipped, n, "clipped"),
            n};
        ModelGap gap{};
        {
          const py::gil_scoped_release no_gil;
          gap = model_gap(task);
        }
        return py::make_tuple(gap.excess, gap.sizes, gap.slopes,
                              static_cast<std::ptrdiff_t>(gap.n_clipped));
      },
      py::arg("loss"), py::arg("loss_parameters"), py::arg("margins").noconvert(),
      py::arg("ends").noconvert(), py::arg("targets").noconvert(),
      py::arg("sample_weight").noconvert(), py::arg("clipped").noconvert(),
      "Sums of duality gaps at the derivatives that quadratic models of the losses expect, of the "
      "sizes of their terms, and of those of the derivatives. What is added to a derivative that "
      "the loss cannot have goes into an array of zeros; how many these are comes last.");
  bind<float>(m);
  bind<double>(m);
}

}  // namespace fallline
