#pragma once

// Defazio et al. (2024), The road less scheduled, algorithm 1: as ScheduleFreeSgd, along a gradient
// divided by the root of its second moment, whose bias the rate corrects, and decay of y.
struct ScheduleFreeAdam : ScheduleFree {
  static constexpr const char* name = "schedule_free_adam";
  static constexpr int n_slots = 2;
  static constexpr int n_parameters = 4;  // beta1, beta2, eps, decay

  static void prepare(StepNumbers& at, const double*) {
    at.learning_rate *= __builtin_sqrt(1 - power(at.parameters[1], at.step));
    remember(at.learning_rate, at.memory);
  }

  template <class V> struct Element {
    Places<V> places;
    V beta2, decay2, eps, decay;
    template <class Numbers> explicit Element(const Numbers& at)
        : places(at, at.parameters[0]),
          beta2(constant<V>(at.parameters[1])),
          decay2(constant<V>(1 - at.parameters[1])),
          eps(constant<V>(at.parameters[2])),
          decay(constant<V>(at.parameters[3])) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      slots[0] = places.begun(w, slots[0]);
      slots[1] = fma(decay2 * g, g, beta2 * slots[1]);
      places.step(w, fma(decay, w, g / (sqrt(slots[1]) + eps)), slots[0]);
    }
  };
};
