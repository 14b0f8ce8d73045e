// A step of an optimizer over anybody's arrays, all of them in one go.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "training/scattered_rows.hpp"

namespace fallline {

// Arrays that share all numbers of a step.
struct ArrayGroup {
  std::vector<ParameterArray> arrays;
  std::vector<double> parameters;  // of the rule
  double* memory;                  // of the rule
  double l2, weight_decay;
};

struct ArrayStepOptions {
  double sign;           // -1 to go up the gradient
  double clip_norm;      // the norm of all gradients together is made no larger; infinity: as it is
  bool skips_nonfinite;  // a step whose gradient has a NaN or an infinity is left out
  double fading;         // share of the averages of the weights that is kept
  bool lazy;             // rows without a gradient stay as they are, next to rows with one

  bool asks_for_norm() const;
  // What gradients of that norm are multiplied by; nothing if the step is to be left out.
  std::optional<double> scale(double norm) const;
};

// The rule of that name, for models of rows or for arrays alone.
template <class T> const RuleEntry<T>& array_rule(const std::string& name);

class ArrayStep {
 public:
  // The arrays stay where they are as long as this lives.
  ArrayStep(const std::string& rule, std::vector<ArrayGroup> groups, ArrayStepOptions options);

  // One number and learning rate for each group; numbers count from 1. False if it was left out.
  bool step(const std::int64_t* numbers, const double* learning_rates);
  // The same whatever the norm is, with gradients multiplied by a scale.
  void step_scaled(const std::int64_t* numbers, const double* learning_rates, double scale);

  // Of all gradients together; not finite where one of their elements is not.
  double sum_of_squares();

  std::size_t n_groups() const { return groups_.size(); }
  std::ptrdiff_t n_elements() const { return n_elements_; }

 private:
  // Pieces of one group and kind. They lie behind each other in the order of all pieces, from
  // `begin` on, and so they do in the list of their kind, from `first` on.
  struct Run {
    enum class Kind { float32, float64, narrow, scattered } kind;
    std::size_t group;
    std::ptrdiff_t begin, end, first;
    bool apart;  // in memory, as rows are
  };
  // Elements of an array, which is the number-th of all, and their gradient.
  struct Part {
    const ParameterArray& array;
    std::ptrdiff_t number, begin, n;
    const void* gradient;
    Element gradient_element;
  };

  static Run::Kind kind_of(const ParameterArray& array);
  void add_arrays(std::size_t group, Run::Kind kind);
  void add_array(std::size_t group, const ParameterArray& array, std::ptrdiff_t number);
  void add_rows(Run& run, const ParameterArray& array, std::ptrdiff_t number);
  void add_part(Run& run, const Part& part);
  Run& run_of(std::size_t group, Run::Kind kind, bool apart);
  std::ptrdiff_t size_of(Run::Kind kind) const;
  // Calls work(run, begin, end) for positions of pieces, all of them, on several threads.
  template <class Work> void for_all(const Work& work) const;
  void reduce_all();
  void add_sums(std::size_t group, double* sums);

  const RuleEntry<float>& rule_;
  const RuleEntry<double>& double_rule_;
  ScatteredRule scattered_rule_{rule_, double_rule_};
  std::vector<ArrayGroup> groups_;
  ArrayStepOptions options_;
  std::ptrdiff_t n_elements_ = 0, n_bytes_ = 0, n_pieces_ = 0;
  std::vector<Run> runs_;
  std::vector<StepArrays<float>> singles_;
  std::vector<StepArrays<double>> doubles_;
  std::vector<NarrowPiece> narrows_;
  std::vector<ScatteredPiece> scattered_;
  std::vector<double> sums_;          // of each piece
  std::vector<StepNumbers> numbers_;  // of each group
};

}  // namespace fallline
