#pragma once

// Mishchenko & Defazio (2024), Prodigy: an expeditiously adaptive parameter-free learner,
// algorithm 4. Slots: both moments, the sum s of the gradients, and where the weights began.
struct Prodigy {
  static constexpr const char* name = "prodigy";
  static constexpr int n_slots = 4;
  static constexpr int n_parameters = 3;  // beta1, beta2, eps
  static constexpr int n_memory = 3;      // distance for the next step, r, distance of this step
  static constexpr int n_sums = 2;

  // Of moments and sums; the weights are stepped when all sums are known.
  template <class V> struct Reduction {
    V first, decay1, beta1, decay2, beta2, fades, adds;
    template <class Numbers> explicit Reduction(const Numbers& at)
        : Reduction(at, at.memory(0), __builtin_sqrt(at.parameters[1])) {}
    FALLLINE_INLINE void add(V w, V g, V* slots, V* sums) const {
      slots[3] = fma(first, w, slots[3]);
      slots[0] = fma(decay1, g, beta1 * slots[0]);
      slots[1] = fma(decay2 * g, g, beta2 * slots[1]);
      slots[2] = fma(adds, g, fades * slots[2]);
      sums[0] = fma(g, slots[3] - w, sums[0]);
      sums[1] = sums[1] + abs(slots[2]);
    }

   private:
    template <class Numbers> Reduction(const Numbers& at, double distance, double root)
        : first(constant<V>(at.step == 1 ? 1 : 0)),
          decay1(constant<V>((1 - at.parameters[0]) * distance)),
          beta1(constant<V>(at.parameters[0])),
          decay2(constant<V>((1 - at.parameters[1]) * distance * distance)),
          beta2(constant<V>(at.parameters[1])),
          fades(constant<V>(root)),
          adds(constant<V>((1 - root) * distance * distance) * at.rate()) {}
  };

  static void prepare(StepNumbers& at, const double* sums) {
    const double root = __builtin_sqrt(at.parameters[1]), distance = at.memory[0];
    const double adds = (1 - root) * distance * distance * at.learning_rate;
    at.memory[1] = root * at.memory[1] + adds * sums[0];
    const double found = sums[1] > 0 ? at.memory[1] / sums[1] : 0;
    if (found > distance) at.memory[0] = found;
    at.memory[2] = distance;
    at.learning_rate *= distance;
  }

  template <class V> struct Element {
    V rate, eps;
    template <class Numbers> explicit Element(const Numbers& at)
        : rate(at.rate()), eps(constant<V>(at.parameters[2] * at.memory(2))) {}
    FALLLINE_INLINE void step(V& w, V, V* slots) const {
      w = fnma(rate, slots[0] / (sqrt(slots[1]) + eps), w);
    }
  };
};
