#include <pybind11/stl.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <tuple>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "bindings/parameter.hpp"
#include "training/array_step.hpp"

namespace fallline {
namespace {

// Of a row of addresses: elements of the weights and of the slots, how many there are, where
// weights, gradient and average lie (0: no average), and where each slot does.
constexpr std::ptrdiff_t n_columns = 6;

using Rows = std::vector<std::shared_ptr<BoundRowGradient>>;

// Addresses, gradients of some rows in the place of the address of one (None elsewhere; empty:
// there are none), parameters of the rule, coupled and decoupled decay, number and learning rate.
using Group = std::tuple<Array<std::int64_t>, Rows, std::vector<double>, double, double,
                         std::int64_t, double>;

template <class T> T* at(std::int64_t address) { return reinterpret_cast<T*>(address); }

std::vector<ParameterArray> arrays_of(const Array<std::int64_t>& table, const Rows& rows,
                                      int n_slots) {
  if (table.ndim() != 2 || table.shape(1) != n_columns + n_slots) {
    throw py::value_error("addresses must have " + std::to_string(n_columns + n_slots) +
                          " columns");
  }
  if (!rows.empty() && rows.size() != static_cast<std::size_t>(table.shape(0))) {
    throw py::value_error("rows must be of all arrays or of none");
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
    if (!rows.empty() && rows[static_cast<std::size_t>(k)]) {
      const BoundRowGradient& gradient = *rows[static_cast<std::size_t>(k)];
      if (gradient.n_elements() != array.n || gradient.element() != array.element) {
        throw py::value_error("rows must be those of the array, and of its kind");
      }
      array.rows = gradient.get();
    }
    array.average = at<void>(column(5));
    for (int s = 0; s < n_slots; ++s) array.slots[s] = at<void>(column(n_columns + s));
    arrays.push_back(array);
  }
  return arrays;
}

// The groups of a rule, which all go down or up.
using Call = std::tuple<std::string, double, std::vector<Group>>;

// A step over the groups of a call, and the number and the learning rate of each.
struct Prepared {
  ArrayStep step;
  std::vector<std::int64_t> numbers;
  std::vector<double> rates;
};

Prepared prepared(const Call& call, ArrayStepOptions options) {
  const auto& [rule, sign, groups] = call;
  const RuleEntry<float>& entry = array_rule<float>(rule);
  if (entry.n_memory) throw py::value_error(rule + " keeps numbers of its own");
  std::vector<ArrayGroup> views;
  std::vector<std::int64_t> numbers;
  std::vector<double> rates;
  for (const auto& [table, rows, parameters, l2, weight_decay, number, rate] : groups) {
    if (parameters.size() != static_cast<std::size_t>(entry.n_parameters)) {
      throw py::value_error(rule + " takes " + std::to_string(entry.n_parameters) + " parameters");
    }
    views.push_back({arrays_of(table, rows, entry.n_slots), parameters, nullptr, l2, weight_decay});
    numbers.push_back(number);
    rates.push_back(rate);
  }
  options.sign = sign;
  return {ArrayStep(rule, std::move(views), options), std::move(numbers), std::move(rates)};
}

bool step_tensors(const std::vector<Call>& calls, double clip_norm, bool skips_nonfinite,
                  double fading, bool lazy) {
  const ArrayStepOptions options{1, clip_norm, skips_nonfinite, fading, lazy};
  std::vector<Prepared> steps;
  for (const Call& call : calls) steps.push_back(prepared(call, options));
  const py::gil_scoped_release no_gil;
  std::optional<double> scale = 1.0;
  if (options.asks_for_norm()) {
    double squares = 0;
    for (Prepared& of : steps) squares += of.step.sum_of_squares();
    scale = options.scale(std::sqrt(squares));
  }
  if (!scale) return false;
  for (Prepared& of : steps) of.step.step_scaled(of.numbers.data(), of.rates.data(), *scale);
  return true;
}

}  // namespace

void bind_tensor_step(py::module_& m) {
  m.def("step_tensors", step_tensors, py::arg("calls"), py::arg("clip_norm"),
        py::arg("skips_nonfinite"), py::arg("fading"), py::arg("lazy"),
        "Make one step over memory that the caller has checked; False if it was left out.");
}

}  // namespace fallline
