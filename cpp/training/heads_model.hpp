// Several linear models that share the rows they are trained on, one per head.
#pragma once

#include <cstdint>
#include <vector>

#include "training/head_pass.hpp"
#include "training/loop.hpp"
#include "training/rate_finder.hpp"

namespace fallline {

// What the steps of all heads are made of besides the learning rates; vectors have a number per
// head.
struct HeadOptions {
  bool fit_intercept;
  std::vector<double> l2;
  std::vector<double> l1;
  std::vector<double> weight_decay;
  std::vector<double> rule_parameters;
  std::vector<double> loss_parameters;
  std::vector<int> fold_of_heads;  // empty without folds
  RateRule rate;                   // of one model; candidates have rates of their own
};

// With shared targets every head is a candidate of its own: it has its own learning rates, and one
// whose loss is not finite stays as it was before that step while the others go on. Otherwise all
// heads are one model: one rate per step, and no step without a finite loss.
template <class T> class HeadsModel {
 public:
  // The folds of the heads are those of the options.
  HeadsModel(HeadSamples<T> samples, const HeadLossEntry<T>& loss, const char* rule,
             HeadOptions options);

  bool train(const Batches& batches, Chunk& chunk, Interrupt& interrupt);

  std::ptrdiff_t n_samples() const { return samples_.X.rows; }
  std::ptrdiff_t n_features() const { return samples_.X.columns; }
  std::ptrdiff_t n_heads() const { return samples_.n_heads; }
  bool candidates() const { return candidates_; }
  std::ptrdiff_t rates_per_step() const { return candidates_ ? n_heads() : 1; }

  double learning_rate() const { return rates_[0]; }  // of the last step of the first head

  // Row-major (n_features, n_heads); means where learning rates are found.
  void get_coef(T* out) const;
  void set_coef(const T* coef);
  const double* intercepts() const {
    return finder_ ? finder_.mean_intercepts() : intercepts_.data();
  }
  void set_intercepts(const double* intercepts);

  // Of each head over all steps since clear_sums was called.
  const double* losses() const { return losses_.data(); }
  const double* weights() const { return weights_.data(); }
  void clear_sums();

  // Heads that change no more.
  bool stays(std::ptrdiff_t head) const { return stays_[static_cast<std::size_t>(head)] < 0; }
  void stay(std::ptrdiff_t head);

 private:
  bool add_losses(Chunk& chunk);
  void set_rates(const double* rates, std::ptrdiff_t n_rows);
  void find_rates();
  void average();
  void update_weights(std::int64_t step);
  void update_line(std::int64_t step, std::size_t line);
  void update_head(std::int64_t step, std::size_t head);
  void show_slots(T** slots, std::size_t at);
  void update_intercepts(std::int64_t step);

  std::size_t width_;  // heads, padded to lines; so is every array of numbers of heads
  AlignedVector<T> fold_of_heads_;
  HeadSamples<T> samples_;
  const HeadLossEntry<T>& loss_;
  const RuleEntry<T>& rule_;
  const RuleEntry<double>& intercept_rule_;  // the same rule: intercepts live in float64
  bool candidates_;
  HeadOptions options_;
  std::vector<double> intercept_parameters_;  // of the rule, without the penalties among them
  HeadPass<T> pass_;
  AlignedVector<T> w_, slots_, rounded_intercepts_, stays_;
  AlignedVector<double> intercepts_, intercept_slots_, intercept_stays_;
  AlignedVector<double> l2_, l1_, weight_decay_, none_;  // none: of intercepts
  AlignedVector<double> total_weights_, rates_, scales_, losses_, weights_;
  RateFinder<T> finder_;
  AlignedVector<T> shown_w_, shown_gradient_;  // to the finder, as in get_coef
  std::ptrdiff_t scaled_rows_ = 0;             // the mini-batch that scales_ are of
};

}  // namespace fallline
