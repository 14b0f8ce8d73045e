#include <pybind11/stl.h>

#include <tuple>
#include <variant>

#include "bindings/bind.hpp"
#include "bindings/parameter.hpp"
#include "training/array_step.hpp"

namespace fallline {
namespace {

// Below this many elements a step takes less time than handing over the GIL pays for.
constexpr std::ptrdiff_t releases_gil = 1 << 14;

using Gradient = std::variant<py::array, std::shared_ptr<BoundRowGradient>>;
// Weights, gradient, slots, average or None, and whether the gradient is to become zero.
using Parameter =
    std::tuple<py::array, Gradient, std::vector<py::array>, std::optional<py::array>, bool>;
// Arrays, parameters of the rule, its memory, coupled and decoupled decay.
using Group =
    std::tuple<std::vector<Parameter>, std::vector<double>, Array<double>, double, double>;

void* writeable_of_length(py::array& x, std::ptrdiff_t n, Element element, const char* name) {
  of_length(x, n, element, name);
  return x.mutable_data();  // raises ValueError for a read-only array
}

void set_gradient(ParameterArray& array, Gradient& gradient, bool clears) {
  if (auto* rows = std::get_if<std::shared_ptr<BoundRowGradient>>(&gradient)) {
    if ((*rows)->n_elements() != array.n || (*rows)->element() != array.element || clears) {
      throw py::value_error(
          "rows must be of an array of this kind and length, and are not cleared");
    }
    array.rows = (*rows)->get();
    return;
  }
  py::array& of_all = std::get<py::array>(gradient);
  array.gradient = clears ? writeable_of_length(of_all, array.n, array.element, "gradient")
                          : of_length(of_all, array.n, array.element, "gradient");
  if (clears) array.cleared = const_cast<void*>(array.gradient);
}

template <class Rule> ParameterArray parameter(Parameter& of, const Rule& rule) {
  auto& [w, gradient, slots, average, clears] = of;
  const std::ptrdiff_t n = w.size();
  const Element element = element_of(w);
  const Element computed = wide(element);
  if (slots.size() != static_cast<std::size_t>(rule.n_slots)) {
    throw py::value_error("the rule takes " + std::to_string(rule.n_slots) + " slots");
  }
  ParameterArray array{};
  array.element = element;
  array.slot_element = slots.empty() ? computed : element_of(slots.front());
  if (array.slot_element != computed &&
      (computed == Element::float64 || array.slot_element != Element::bfloat16 || rule.reduce)) {
    throw py::type_error("slots must be of the kind that is computed in, or bfloat16 for float32");
  }
  array.w = writeable_of_length(w, n, element, "w");
  array.n = n;
  set_gradient(array, gradient, clears);
  for (std::size_t s = 0; s < slots.size(); ++s) {
    array.slots[s] = writeable_of_length(slots[s], n, array.slot_element, "slot");
  }
  if (average) array.average = writeable_of_length(*average, n, computed, "average");
  return array;
}

// Holds the arrays that the step looks into.
class BoundArrayStep {
 public:
  BoundArrayStep(const std::string& rule, std::vector<Group> groups, double sign, double clip_norm,
                 bool skips_nonfinite, double fading, bool lazy)
      : held_(std::move(groups)),
        step_(rule, viewed(rule, held_), {sign, clip_norm, skips_nonfinite, fading, lazy}),
        rates_(step_.n_groups()),
        numbers_(step_.n_groups()) {}

  bool step(std::int64_t number, double learning_rate) {
    numbers_.assign(numbers_.size(), number);
    rates_.assign(rates_.size(), learning_rate);
    return run();
  }
  bool step_groups(const std::vector<std::int64_t>& numbers, const std::vector<double>& rates) {
    if (numbers.size() != numbers_.size() || rates.size() != rates_.size()) {
      throw py::value_error("there are " + std::to_string(rates_.size()) + " groups");
    }
    numbers_ = numbers;
    rates_ = rates;
    return run();
  }

 private:
  static std::vector<ArrayGroup> viewed(const std::string& name, std::vector<Group>& groups) {
    const RuleEntry<float>& rule = array_rule<float>(name);
    std::vector<ArrayGroup> views;
    for (auto& [arrays, parameters, memory, l2, weight_decay] : groups) {
      if (parameters.size() != static_cast<std::size_t>(rule.n_parameters)) {
        throw py::value_error(name + " takes " + std::to_string(rule.n_parameters) + " parameters");
      }
      ArrayGroup view{{}, parameters, writeable(memory, rule.n_memory, "memory"), l2, weight_decay};
      for (Parameter& of : arrays) view.arrays.push_back(parameter(of, rule));
      views.push_back(std::move(view));
    }
    return views;
  }

  bool run() {
    if (step_.n_elements() < releases_gil) return step_.step(numbers_.data(), rates_.data());
    // Only plain memory is touched from here; `held_` keeps it alive.
    const py::gil_scoped_release no_gil;
    return step_.step(numbers_.data(), rates_.data());
  }

  std::vector<Group> held_;
  ArrayStep step_;
  std::vector<double> rates_;
  std::vector<std::int64_t> numbers_;
};

}  // namespace

void bind_array_step(py::module_& m) {
  m.def(
      "array_rules",
      [] {
        std::map<std::string, std::tuple<int, int, int>> found;
        const auto add = [&found](const auto& rules) {
          for (const auto& rule : rules) {
            found[rule.name] = {rule.n_slots, rule.n_parameters, rule.n_memory};
          }
        };
        add(kernels<float>().rules);
        add(kernels<float>().array_rules);
        return found;
      },
      "Names of the rules for arrays, each with its numbers of slots, parameters and memory.");
  py::class_<BoundArrayStep>(m, "ArrayStep", "A step of a rule over arrays, again and again.")
      .def(py::init<const std::string&, std::vector<Group>, double, double, bool, double, bool>(),
           py::arg("rule"), py::arg("groups"), py::arg("sign"), py::arg("clip_norm"),
           py::arg("skips_nonfinite"), py::arg("fading"), py::arg("lazy"))
      .def("step", &BoundArrayStep::step, py::arg("number"), py::arg("learning_rate"),
           "Step all groups alike; False if the step was left out.")
      .def("step_groups", &BoundArrayStep::step_groups, py::arg("numbers"),
           py::arg("learning_rates"), "Step each group with a number and a rate of its own.");
}

}  // namespace fallline
