#pragma once

// Tieleman & Hinton (2012), lecture 6.5, with eps where torch.optim has it. Centered: less the
// square of the mean gradient, as in Graves (2013), Generating sequences with recurrent neural
// networks, equations 38 to 41; rounding may not make that negative. Slots: the mean square, the
// mean, the velocity, those that there are.
template <bool centered, bool has_momentum> struct RmsPropOf {
  static constexpr int n_slots = 1 + centered + has_momentum;
  static constexpr int n_parameters = 2 + has_momentum;  // alpha, eps, momentum
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V rate, alpha, decay, eps, momentum;
    template <class Numbers> explicit Element(const Numbers& at)
        : rate(at.rate()),
          alpha(constant<V>(at.parameters[0])),
          decay(constant<V>(1 - at.parameters[0])),
          eps(constant<V>(at.parameters[1])),
          momentum(constant<V>(has_momentum ? at.parameters[2] : 0)) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      slots[0] = fma(decay * g, g, alpha * slots[0]);
      V square = slots[0];
      if constexpr (centered) {
        slots[1] = fma(decay, g - slots[1], slots[1]);
        square = max(constant<V>(0), fnma(slots[1], slots[1], square));
      }
      V direction = g / (sqrt(square) + eps);
      if constexpr (has_momentum) {
        V& velocity = slots[n_slots - 1];
        velocity = fma(momentum, velocity, direction);
        direction = velocity;
      }
      w = fnma(rate, direction, w);
    }
  };
};

struct RmsProp : RmsPropOf<false, false> {
  static constexpr const char* name = "rmsprop";
};
struct RmsPropMomentum : RmsPropOf<false, true> {
  static constexpr const char* name = "rmsprop_momentum";
};
struct CenteredRmsProp : RmsPropOf<true, false> {
  static constexpr const char* name = "centered_rmsprop";
};
struct CenteredRmsPropMomentum : RmsPropOf<true, true> {
  static constexpr const char* name = "centered_rmsprop_momentum";
};
