// Where the weights of heads lie, for users row-major (n_features, n_heads), for the kernels in
// whole lines: of heads, [line][feature][lane], or of features, [head][feature].
#pragma once

#include <cstddef>

#include "core/aligned.hpp"
#include "core/heads.hpp"
#include "kernels/table.hpp"

namespace fallline {

template <class T> class HeadLayout {
 public:
  // Lanes are heads.
  HeadLayout(std::ptrdiff_t n_features, std::ptrdiff_t n_heads)
      : n_features_(n_features), n_heads_(n_heads) {}

  // Lanes are what trains on the samples faster. A row is multiplied with a line of heads for every
  // feature, or with a line of features for every head and, in time, about four lines more that
  // adding up lanes and short loops cost. With 2 to 100 heads of 20 to 784 features lanes of
  // features were 0.4 to 4 times as fast, and this chose the better or one within a fifth of it
  // (float32 and float64, AVX-512 and AVX2). Sums differ in their order, so neither target nor
  // batch may decide, and candidates, which have their bits whoever rides along, keep lanes of
  // heads.
  explicit HeadLayout(const HeadSamples<T>& samples)
      : HeadLayout(samples.X.columns, samples.n_heads) {
    features_in_lanes_ = samples.kind != HeadTargets::shared &&
                         n_heads_ * (lines(n_features_) + 4) < lines(n_heads_) * n_features_;
  }

  bool features_in_lanes() const { return features_in_lanes_; }

  // From one head's weights to the next in lanes of features, from one line's to the next in lanes
  // of heads.
  std::ptrdiff_t stride() const {
    return features_in_lanes_ ? padded_size<T>(n_features_) : n_features_ * head_lanes<T>;
  }

  // Of all weights, with what pads the lines.
  std::ptrdiff_t size() const {
    return stride() * (features_in_lanes_ ? n_heads_ : lines(n_heads_));
  }

  // Visits the places of all weights: row-major, and here.
  template <class Visit> void for_each_weight(Visit visit) const {
    for (std::ptrdiff_t head = 0; head < n_heads_; ++head) {
      for (std::ptrdiff_t j = 0; j < n_features_; ++j) {
        const std::ptrdiff_t at = features_in_lanes_ ? head * stride() + j
                                                     : head / head_lanes<T> * stride() +
                                                           j * head_lanes<T> + head % head_lanes<T>;
        visit(j * n_heads_ + head, at);
      }
    }
  }

  // Row-major weights as they lie here.
  AlignedVector<T> laid_out(const T* coef) const {
    AlignedVector<T> w(static_cast<std::size_t>(size()));
    for_each_weight([&](std::ptrdiff_t from, std::ptrdiff_t to) {
      w[static_cast<std::size_t>(to)] = coef[from];
    });
    return w;
  }

 private:
  static std::ptrdiff_t lines(std::ptrdiff_t n) { return head_lines<T>(n); }

  std::ptrdiff_t n_features_, n_heads_;
  bool features_in_lanes_ = false;
};

}  // namespace fallline
