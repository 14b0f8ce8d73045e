#pragma once

// Khaled, Mishchenko & Jin (2023), DoWG unleashed: an efficient universal parameter-free gradient
// descent method, algorithm 1, its rate times the one that is given. The slot is where the weights
// began.
struct Dowg {
  static constexpr const char* name = "dowg";
  static constexpr int n_slots = 1;
  static constexpr int n_parameters = 0;
  static constexpr int n_memory = 2;  // the largest distance from the start, the weighted squares
  static constexpr int n_sums = 2;

  template <class V> struct Reduction {
    V first;
    template <class Numbers> explicit Reduction(const Numbers& at)
        : first(constant<V>(at.step == 1 ? 1 : 0)) {}
    FALLLINE_INLINE void add(V w, V g, V* slots, V* sums) const {
      slots[0] = fma(first, w, slots[0]);
      const V way = w - slots[0];
      sums[0] = fma(way, way, sums[0]);
      sums[1] = fma(g, g, sums[1]);
    }
  };

  static void prepare(StepNumbers& at, const double* sums) {
    const double distance = __builtin_sqrt(sums[0]);
    if (distance > at.memory[0]) at.memory[0] = distance;
    const double square = at.memory[0] * at.memory[0];
    at.memory[1] += square * sums[1];
    at.learning_rate *= at.memory[1] > 0 ? square / __builtin_sqrt(at.memory[1]) : 0;
  }

  template <class V> struct Element {
    V rate;
    template <class Numbers> explicit Element(const Numbers& at) : rate(at.rate()) {}
    FALLLINE_INLINE void step(V& w, V g, V*) const { w = fnma(rate, g, w); }
  };
};
