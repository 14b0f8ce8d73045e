#include <pybind11/stl.h>

#include <cstdint>
#include <tuple>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "training/array_step.hpp"

namespace fallline {
namespace {

// Of a row of addresses: elements of the weights and of the slots, how many there are, where
// weights, gradient and average lie (0: no average), and where each slot does.
constexpr std::ptrdiff_t n_columns = 6;

// Addresses, parameters of the rule, coupled and decoupled decay, number and learning rate.
using Group =
    std::tuple<Array<std::int64_t>, std::vector<double>, double, double, std::int64_t, double>;

template <class T> T* at(std::int64_t address) { return reinterpret_cast<T*>(address); }

std::vector<ParameterArray> arrays_of(const Array<std::int64_t>& table, int n_slots) {
  if (table.ndim() != 2 || table.shape(1) != n_columns + n_slots) {
    throw py::value_error("addresses must have " + std::to_string(n_columns + n_slots) +
                          " columns");
  }
  std::vector<ParameterArray> arrays;
  for (py::ssize_t k = 0; k < table.shape(0); ++k) {
    const auto column = [&](py::ssize_t j) { return table.at(k, j); };
    ParameterArray array{};
    array.element = static_cast<Element>(column(0));
    array.slot_element = static_cast<Element>(column(1));
    array.n = column(2);
    array.w = at<void>(column(3));
    array.gradient = at<const void>(column(4));
    array.average = at<void>(column(5));
    for (int s = 0; s < n_slots; ++s) array.slots[s] = at<void>(column(n_columns + s));
    arrays.push_back(array);
  }
  return arrays;
}

bool step_tensors(const std::string& rule, const std::vector<Group>& groups, double sign,
                  double clip_norm, bool skips_nonfinite, double fading) {
  const RuleEntry<float>& entry = array_rule<float>(rule);
  if (entry.n_memory) throw py::value_error(rule + " keeps numbers of its own");
  std::vector<ArrayGroup> views;
  std::vector<std::int64_t> numbers;
  std::vector<double> rates;
  for (const auto& [table, parameters, l2, weight_decay, number, rate] : groups) {
    if (parameters.size() != static_cast<std::size_t>(entry.n_parameters)) {
      throw py::value_error(rule + " takes " + std::to_string(entry.n_parameters) + " parameters");
    }
    views.push_back({arrays_of(table, entry.n_slots), parameters, nullptr, l2, weight_decay});
    numbers.push_back(number);
    rates.push_back(rate);
  }
  const py::gil_scoped_release no_gil;
  ArrayStep step(rule, std::move(views), {sign, clip_norm, skips_nonfinite, fading});
  return step.step(numbers.data(), rates.data());
}

}  // namespace

void bind_tensor_step(py::module_& m) {
  m.def("step_tensors", step_tensors, py::arg("rule"), py::arg("groups"), py::arg("sign"),
        py::arg("clip_norm"), py::arg("skips_nonfinite"), py::arg("fading"),
        "Make one step over memory that the caller has checked; False if it was left out.");
}

}  // namespace fallline
