#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "training/update.hpp"

namespace fallline {
namespace {

// Below this many elements a step takes less time than handing over the GIL pays for.
constexpr std::ptrdiff_t releases_gil = 1 << 14;

template <class T> void step(const std::string& name, Array<T> w, const Array<T>& gradient,
                             std::vector<Array<T>> slots, const std::vector<double>& parameters,
                             std::int64_t number, double learning_rate, double gradient_scale,
                             double l2, double l1, double weight_decay) {
  const RuleEntry<T>& rule = find(kernels<T>().rules, name);
  if (slots.size() != static_cast<std::size_t>(rule.n_slots) ||
      parameters.size() != static_cast<std::size_t>(rule.n_parameters)) {
    throw py::value_error(name + " takes " + std::to_string(rule.n_slots) + " slots and " +
                          std::to_string(rule.n_parameters) + " parameters");
  }
  const std::ptrdiff_t n = w.size();
  const StepNumbers numbers{number, learning_rate, gradient_scale,   l2,
                            l1,     weight_decay,  parameters.data()};
  StepArrays<T> arrays{writeable(w, n, "w"), vector(gradient, n, "gradient"), {}, n};
  for (std::size_t s = 0; s < slots.size(); ++s) arrays.slots[s] = writeable(slots[s], n, "slot");
  if (n < releases_gil) {
    update(rule, numbers, arrays);
    return;
  }
  // Only plain memory is touched from here; the caller holds the arrays.
  const py::gil_scoped_release no_gil;
  update(rule, numbers, arrays);
}

template <class T> void bind(py::module_& m) {
  m.def("step", step<T>, py::arg("rule"), py::arg("w").noconvert(), py::arg("gradient").noconvert(),
        py::arg("slots").noconvert(), py::arg("parameters"), py::arg("step"),
        py::arg("learning_rate"), py::arg("gradient_scale") = 1.0, py::arg("l2") = 0.0,
        py::arg("l1") = 0.0, py::arg("weight_decay") = 0.0,
        "One step of an update rule, in place.");
}

}  // namespace

void bind_rules(py::module_& m) {
  m.def(
      "rules",
      [] {
        std::map<std::string, std::pair<int, int>> found;
        for (const auto& rule : kernels<float>().rules) {
          found[rule.name] = {rule.n_slots, rule.n_parameters};
        }
        return found;
      },
      "Names of the update rules, each with its numbers of slots and parameters.");
  bind<float>(m);
  bind<double>(m);
}

}  // namespace fallline
