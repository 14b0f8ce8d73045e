#include "training/array_step.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/find.hpp"
#include "training/parts.hpp"
#include "training/threads.hpp"

namespace fallline {
namespace {

// Elements of a piece, at most: what a thread works on at a time, and what is summed up first.
constexpr std::ptrdiff_t piece_size = 1 << 15;

template <class T> StepArrays<T> piece_of(const ParameterArray& array, std::ptrdiff_t begin,
                                          std::ptrdiff_t n, int n_slots) {
  StepArrays<T> piece{
      static_cast<T*>(array.w) + begin, static_cast<const T*>(array.gradient) + begin, {}, n};
  for (int s = 0; s < n_slots; ++s) piece.slots[s] = static_cast<T*>(array.slots[s]) + begin;
  if (array.average) piece.average = static_cast<T*>(array.average) + begin;
  if (array.cleared) piece.cleared = static_cast<T*>(array.cleared) + begin;
  return piece;
}

}  // namespace

template <class T> const RuleEntry<T>& array_rule(const std::string& name) {
  for (const RuleEntry<T>& rule : kernels<T>().array_rules) {
    if (name == rule.name) return rule;
  }
  return find(kernels<T>().rules, name);
}
template const RuleEntry<float>& array_rule(const std::string&);
template const RuleEntry<double>& array_rule(const std::string&);

ArrayStep::ArrayStep(const std::string& rule, std::vector<ArrayGroup> groups,
                     ArrayStepOptions options)
    : rule_(array_rule<float>(rule)),
      double_rule_(array_rule<double>(rule)),
      groups_(std::move(groups)),
      options_(options),
      numbers_(groups_.size()) {
  for (std::size_t k = 0; k < groups_.size(); ++k) {
    for (const auto kind : {Run::Kind::float32, Run::Kind::float64, Run::Kind::narrow}) {
      add_run(k, kind);
    }
  }
  sums_.resize(static_cast<std::size_t>(n_pieces_ * max_sums));
}

void ArrayStep::add_run(std::size_t group, Run::Kind kind) {
  Run run{kind, group, n_pieces_, n_pieces_, 0};
  if (kind == Run::Kind::float32) run.first = static_cast<std::ptrdiff_t>(singles_.size());
  if (kind == Run::Kind::float64) run.first = static_cast<std::ptrdiff_t>(doubles_.size());
  if (kind == Run::Kind::narrow) run.first = static_cast<std::ptrdiff_t>(narrows_.size());
  std::ptrdiff_t number = 0;  // of all arrays
  for (std::size_t k = 0; k < group; ++k) {
    number += static_cast<std::ptrdiff_t>(groups_[k].arrays.size());
  }
  for (const ParameterArray& array : groups_[group].arrays) {
    Run::Kind own = Run::Kind::narrow;
    if (array.element == array.slot_element) {
      if (array.element == Element::float32) own = Run::Kind::float32;
      if (array.element == Element::float64) own = Run::Kind::float64;
    }
    for (std::ptrdiff_t i = 0; own == kind && i < array.n; i += piece_size) {
      add_piece(array, number, i, kind);
    }
    ++number;
  }
  run.end = n_pieces_;
  if (run.end > run.begin) runs_.push_back(run);
}

void ArrayStep::add_piece(const ParameterArray& array, std::ptrdiff_t number, std::ptrdiff_t begin,
                          Run::Kind kind) {
  const std::ptrdiff_t n = std::min(piece_size, array.n - begin);
  if (kind == Run::Kind::float32)
    singles_.push_back(piece_of<float>(array, begin, n, rule_.n_slots));
  if (kind == Run::Kind::float64)
    doubles_.push_back(piece_of<double>(array, begin, n, rule_.n_slots));
  if (kind == Run::Kind::narrow) narrows_.push_back({&array, number, begin, n});
  n_elements_ += n;
  n_bytes_ += n * (2 * bytes_of(array.element) + rule_.n_slots * bytes_of(array.slot_element));
  ++n_pieces_;
}

template <class Work> void ArrayStep::for_all(const Work& work) const {
  const int threads = threads_for(n_bytes_, n_pieces_);
  if (threads == 1) {  // a parallel region of one thread takes as long as a step of few elements
    for (const Run& run : runs_) work(run, run.begin, run.end);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::ptrdiff_t k = 0; k < threads; ++k) {
    const std::ptrdiff_t begin = n_pieces_ * k / threads, end = n_pieces_ * (k + 1) / threads;
    for (const Run& run : runs_) {
      const std::ptrdiff_t from = std::max(begin, run.begin), to = std::min(end, run.end);
      if (from < to) work(run, from, to);
    }
  }
}

bool ArrayStep::step(const std::int64_t* numbers, const double* learning_rates) {
  double scale = options_.sign;
  if (options_.skips_nonfinite || options_.clip_norm < std::numeric_limits<double>::infinity()) {
    const double length = norm();
    if (options_.skips_nonfinite && !std::isfinite(length)) return false;
    // torch.nn.utils.clip_grad_norm_ adds the same.
    scale *= std::min(1.0, options_.clip_norm / (length + 1e-6));
  }
  for (std::size_t k = 0; k < groups_.size(); ++k) {
    const ArrayGroup& group = groups_[k];
    numbers_[k] = {numbers[k],         learning_rates[k],       scale,           group.l2,    0,
                   group.weight_decay, group.parameters.data(), options_.fading, group.memory};
  }
  if (rule_.reduce) reduce_all();
  if (rule_.prepare) {
    for (std::size_t k = 0; k < groups_.size(); ++k) {
      double sums[max_sums] = {};
      if (rule_.reduce) add_sums(k, sums);
      rule_.prepare(numbers_[k], sums);
    }
  }
  for_all([this](const Run& run, std::ptrdiff_t begin, std::ptrdiff_t end) {
    const StepNumbers& at = numbers_[run.group];
    const std::ptrdiff_t first = run.first + begin - run.begin, count = end - begin;
    if (run.kind == Run::Kind::float32) rule_.step(at, singles_.data() + first, count);
    if (run.kind == Run::Kind::float64) double_rule_.step(at, doubles_.data() + first, count);
    if (run.kind != Run::Kind::narrow) return;
    for (std::ptrdiff_t k = first; k < first + count; ++k) {
      fallline::step(rule_, at, narrows_[static_cast<std::size_t>(k)]);
    }
  });
  return true;
}

// Of all gradients together; not finite where one of their elements is not.
double ArrayStep::norm() {
  for_all([this](const Run& run, std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t k = begin; k < end; ++k) {
      const auto at = static_cast<std::size_t>(run.first + k - run.begin);
      double& sum = sums_[static_cast<std::size_t>(k)];
      if (run.kind == Run::Kind::float32) {
        sum = kernels<float>().sum_of_squares(singles_[at].gradient, singles_[at].n);
      } else if (run.kind == Run::Kind::float64) {
        sum = kernels<double>().sum_of_squares(doubles_[at].gradient, doubles_[at].n);
      } else {
        sum = sum_of_squares(narrows_[at]);
      }
    }
  });
  if (n_pieces_ == 0) return 0;
  add_pairwise(sums_.data(), n_pieces_, 1);
  return std::sqrt(sums_[0]);
}

// What the rule sums up over each piece.
void ArrayStep::reduce_all() {
  std::fill(sums_.begin(), sums_.end(), 0.0);
  for_all([this](const Run& run, std::ptrdiff_t begin, std::ptrdiff_t end) {
    const StepNumbers& numbers = numbers_[run.group];
    for (std::ptrdiff_t k = begin; k < end; ++k) {
      const auto at = static_cast<std::size_t>(run.first + k - run.begin);
      double* sums = sums_.data() + k * max_sums;
      if (run.kind == Run::Kind::float32) rule_.reduce(numbers, singles_[at], sums);
      if (run.kind == Run::Kind::float64) double_rule_.reduce(numbers, doubles_[at], sums);
      if (run.kind == Run::Kind::narrow) reduce(rule_, numbers, narrows_[at], sums);
    }
  });
}

void ArrayStep::add_sums(std::size_t group, double* sums) {
  for (const Run& run : runs_) {
    if (run.group != group) continue;
    double* of_run = sums_.data() + run.begin * max_sums;
    add_pairwise(of_run, run.end - run.begin, max_sums);
    for (int s = 0; s < max_sums; ++s) sums[s] += of_run[s];
  }
}

}  // namespace fallline
