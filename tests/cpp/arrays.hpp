// Runs of what steps over arrays take besides the rules of models. Included by bits.cpp where its
// names are known.
#pragma once

// Three steps with every option in force, an average and a gradient that becomes zero.
template <class T>
void run_array_rule(const fallline::RuleEntry<T>& rule, std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : lengths) {
    Guarded<T> w(n, offset), gradient(n, offset), slots(n * (rule.n_slots + 1), offset);
    Guarded<T> average(n, offset);
    fill(w, Kind::plain, 1);
    fill(slots, Kind::positive, 3);
    fill(average, Kind::plain, 4);
    std::vector<double> memory(8, 0.7);
    for (const std::int64_t step : step_numbers) {
      fill(gradient, Kind::plain, 2);
      fallline::StepNumbers numbers{step, 0.1,          0.3, 0.02, 0.03, 0.05, parameters.data(),
                                    0.9,  memory.data()};
      fallline::StepArrays<T> arrays{w.data(), gradient.data(), {},
                                     n,        average.data(),  gradient.data()};
      for (int s = 0; s < rule.n_slots; ++s) arrays.slots[s] = slots.data() + s * n;
      double sums[fallline::max_sums] = {};
      if (rule.reduce) rule.reduce(numbers, arrays, sums);
      if (rule.prepare) rule.prepare(numbers, sums);
      rule.step(numbers, &arrays, 1);
      for (const double number : memory) digest.add(number);
    }
    digest.add(w);
    digest.add(gradient);
    digest.add(average);
    digest.add(slots);  // behind the last of them lies one that no step may touch
    expect_intact(w);
    expect_intact(gradient);
    expect_intact(average);
    expect_intact(slots);
  }
}

// The same with slots of bfloat16.
template <class T>
void run_brain_rule(const fallline::RuleEntry<T>& rule, std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : lengths) {
    Guarded<float> w(n, offset), gradient(n, offset), average(n, offset), wide(n, offset);
    std::vector<fallline::BFloat16> slots(static_cast<std::size_t>(n * (rule.n_slots + 1)));
    fill(w, Kind::plain, 1);
    fill(average, Kind::plain, 4);
    std::vector<double> memory(8, 0.7);
    for (const std::int64_t step : step_numbers) {
      fill(gradient, Kind::plain, 2);
      const fallline::StepNumbers numbers{step, 0.1,          0.3, 0.02, 0, 0.05, parameters.data(),
                                          0.9,  memory.data()};
      fallline::BrainArrays arrays{
          w.data(), gradient.data(), {}, n, average.data(), 17, static_cast<std::uint32_t>(step)};
      for (int s = 0; s < rule.n_slots; ++s) arrays.slots[s] = slots.data() + s * n;
      rule.brain_step(numbers, arrays);
    }
    digest.add(w);
    digest.add(gradient);
    digest.add(average);
    for (int s = 0; s < rule.n_slots; ++s) {
      fallline::kernels<float>().narrow.widen_brain(slots.data() + s * n, wide.data(), n);
      digest.add(wide);
    }
    expect_intact(w);
    expect_intact(gradient);
    expect_intact(average);
  }
}

template <class T> void run_sum_of_squares(std::ptrdiff_t offset, Digest& digest) {
  for (const std::ptrdiff_t n : lengths) {
    Guarded<T> x(n, offset);
    fill(x, Kind::plain, 1);
    digest.add(fallline::kernels<T>().sum_of_squares(x.data(), n));
  }
}

// To 16 bits and back; a NaN may come back as any other.
template <class Narrow, class Narrowing, class Widening>
void run_narrowing(const Narrowing& narrowing, const Widening& widening, std::ptrdiff_t offset,
                   Digest& digest) {
  for (const Kind kind : all_kinds) {
    for (const std::ptrdiff_t n : lengths) {
      Guarded<float> x(n, offset), back(n, offset);
      fill(x, kind, 1);
      std::vector<Narrow> narrow(static_cast<std::size_t>(n));
      narrowing(x.data(), narrow.data(), n);
      widening(narrow.data(), back.data(), n);
      digest.add(back);
      expect_intact(back);
    }
  }
}

inline void run_narrow(const fallline::NarrowKernels& kernels, std::ptrdiff_t offset,
                       Digest& digest) {
  const auto& [widen_half, widen_brain, narrow_half, narrow_brain] = kernels;
  run_narrowing<fallline::Float16>(narrow_half, widen_half, offset, digest);
  run_narrowing<fallline::BFloat16>(narrow_brain, widen_brain, offset, digest);
}
