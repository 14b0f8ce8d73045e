#pragma once

// Defazio et al. (2024), The road less scheduled, equations 7 to 9 with the weights of equation 23.
// The weights are y, where gradients belong; the slot is z, which begins with them. What to use is
// the mean x = (y - (1 - momentum) z) / momentum.
struct ScheduleFree {
  static constexpr int n_memory = 2;  // sum of the squares of all rates, share of this step
  static constexpr int n_sums = 0;

  static void remember(double rate, double* memory) {
    memory[0] += rate * rate;
    memory[1] = memory[0] > 0 ? rate * rate / memory[0] : 0;
  }

  // y and z after a step of the rate along a direction.
  template <class V> struct Places {
    V first, share, rate, of_y;
    template <class Numbers> Places(const Numbers& at, double momentum)
        : first(constant<V>(at.step == 1 ? 1 : 0)),
          share(constant<V>(at.memory(1))),
          rate(at.rate()),
          of_y(constant<V>(1 - momentum * (1 - at.memory(1)))) {}
    FALLLINE_INLINE V begun(V y, V z) const { return fma(first, y, z); }
    FALLLINE_INLINE void step(V& y, V direction, V& z) const {
      const V along = rate * direction;
      y = fnma(of_y, along, fma(share, z - y, y));
      z = z - along;
    }
  };
};

struct ScheduleFreeSgd : ScheduleFree {
  static constexpr const char* name = "schedule_free_sgd";
  static constexpr int n_slots = 1;
  static constexpr int n_parameters = 1;  // momentum

  static void prepare(StepNumbers& at, const double*) { remember(at.learning_rate, at.memory); }

  template <class V> struct Element {
    Places<V> places;
    template <class Numbers> explicit Element(const Numbers& at) : places(at, at.parameters[0]) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      slots[0] = places.begun(w, slots[0]);
      places.step(w, g, slots[0]);
    }
  };
};
