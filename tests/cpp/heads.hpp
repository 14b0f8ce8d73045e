// Kernels of several heads, on problems that are made anew for each call. Included by bits.cpp.
#pragma once

constexpr std::ptrdiff_t head_counts[] = {1, 8, 11, 17};
constexpr std::ptrdiff_t head_columns[] = {1, 7, 17, 100};
constexpr std::ptrdiff_t head_rows[] = {1, 7, 16, 33};

// Weights, gradients and numbers of heads; only X and what belongs to rows may end anywhere.
template <class T> struct Heads {
  static constexpr std::ptrdiff_t lanes = fallline::head_lanes<T>;
  std::ptrdiff_t n_heads, width;
  Problem<T> rows;
  Guarded<T> own_targets, classes, w, intercepts, fold_of_heads, block, gradient;
  Guarded<std::uint8_t> folds;
  Guarded<double> sums;

  // by_features: lanes are features.
  Heads(std::ptrdiff_t n, std::ptrdiff_t columns, std::ptrdiff_t heads, bool by_features,
        std::ptrdiff_t offset)
      : n_heads(heads),
        width(fallline::head_lines<T>(heads) * lanes),
        rows(n, columns, offset),
        own_targets(n * heads, offset),
        classes(n, offset),
        w(by_features ? heads * fallline::padded_size<T>(columns) : width * columns, offset),
        intercepts(width, offset),
        fold_of_heads(width, offset),
        block(width * fallline::head_block_rows, offset),
        gradient(w.size(), offset),
        folds(n, offset),
        sums(3 * width, offset) {
    fill(own_targets, Kind::sign, 5);
    fill(intercepts, Kind::plain, 6);
    fill(gradient, Kind::plain, 7);
    for (std::ptrdiff_t k = 0; k < w.size(); ++k) w[k] = number<T>(8, k) / T(64);
    for (std::ptrdiff_t k = 0; by_features && k < w.size(); ++k) {
      if (k % fallline::padded_size<T>(columns) >= columns) w[k] = 0;
    }
    for (std::ptrdiff_t k = 0; k < width; ++k) fold_of_heads[k] = static_cast<T>(k % 4);
    for (std::ptrdiff_t k = 0; k < 3 * width; ++k) sums[k] = 0;
    for (std::ptrdiff_t i = 0; i < n; ++i) {
      classes[i] = static_cast<T>(i % heads);
      folds[i] = static_cast<std::uint8_t>(i % 3);
    }
  }

  // In stored order with weights and folds, or backward without.
  fallline::HeadTileTask<T> task(const fallline::HeadLossEntry<T>& loss, fallline::HeadTargets kind,
                                 bool stored) {
    T* const targets = kind == fallline::HeadTargets::shared     ? rows.targets.data()
                       : kind == fallline::HeadTargets::per_head ? own_targets.data()
                                                                 : classes.data();
    return {{rows.view(), kind, targets, stored ? rows.weights.data() : nullptr,
             stored && !loss.coupled ? folds.data() : nullptr, fold_of_heads.data(), n_heads},
            {stored ? nullptr : rows.backward.data(), 0, rows.rows},
            w.data(),
            intercepts.data(),
            &loss,
            parameters.data(),
            block.data(),
            nullptr,
            gradient.data()};
  }
};

template <class T, class Visit>
void for_all_heads(bool by_features, std::ptrdiff_t offset, const Visit& visit) {
  for (const std::ptrdiff_t n_heads : head_counts) {
    for (const std::ptrdiff_t columns : head_columns) {
      for (const std::ptrdiff_t n : head_rows) {
        Heads<T> heads(n, columns, n_heads, by_features, offset);
        visit(heads);
      }
    }
  }
}

template <class T> void run_head_tile(const fallline::HeadLossEntry<T>& loss, bool by_features,
                                      std::ptrdiff_t offset, Digest& digest) {
  using Kinds = fallline::HeadTargets;
  const auto& kernels = fallline::kernels<T>();
  const auto tile = by_features ? kernels.feature_tile : kernels.head_tile;
  for_all_heads<T>(by_features, offset, [&](Heads<T>& heads) {
    for (const Kinds kind : {Kinds::shared, Kinds::per_head, Kinds::classes}) {
      if (loss.coupled && kind != Kinds::classes) continue;
      for (const bool stored : {true, false}) {
        double* const sums = heads.sums.data();
        tile(heads.task(loss, kind, stored), {sums, sums + heads.width, sums + 2 * heads.width});
      }
    }
    digest.add(heads.gradient);
    digest.add(heads.sums);
    expect_intact(heads.gradient);
    expect_intact(heads.sums);
    expect_intact(heads.block);
  });
}

template <class T> void run_head_margins(std::ptrdiff_t offset, Digest& digest) {
  for_all_heads<T>(false, offset, [&](Heads<T>& heads) {
    Guarded<T> out(heads.rows.rows * heads.n_heads, offset);
    fallline::kernels<T>().head_margins(heads.rows.view(), heads.w.data(), heads.intercepts.data(),
                                        heads.n_heads, out.data());
    digest.add(out);
    expect_intact(out);
  });
}

// Three steps of heads that differ in everything; every third of them stays.
template <class T>
void run_head_rule(const fallline::RuleEntry<T>& rule, std::ptrdiff_t offset, Digest& digest) {
  constexpr std::ptrdiff_t lanes = fallline::head_lanes<T>;
  double own[5][lanes];
  T stays[lanes];
  for (std::ptrdiff_t k = 0; k < lanes; ++k) {
    for (std::ptrdiff_t i = 0; i < 5; ++i) {
      own[i][k] = 0.01 * static_cast<double>(1 + (k * (i + 3)) % 7);
    }
    stays[k] = k % 3 == 2 ? T(-1) : T(1);
  }
  for (const std::ptrdiff_t n : head_columns) {
    const std::ptrdiff_t size = n * lanes;
    Guarded<T> w(size, offset), gradient(size, offset), slots(size * (rule.n_slots + 1), offset);
    fill(w, Kind::plain, 1);
    fill(gradient, Kind::plain, 2);
    fill(slots, Kind::positive, 3);
    for (const std::int64_t step : step_numbers) {
      fallline::HeadStepTask<T> task{step,     own[0],          own[1], own[2],
                                     own[3],   own[4],          stays,  parameters.data(),
                                     w.data(), gradient.data(), {},     n};
      for (int s = 0; s < rule.n_slots; ++s) task.slots[s] = slots.data() + s * size;
      rule.head_step(task);
    }
    digest.add(w);
    digest.add(slots);
    expect_intact(w);
    expect_intact(slots);
  }
}
