#pragma once

// Riedmiller & Braun (1993), A direct adaptive method for faster backpropagation learning, in the
// form without backtracking that torch.optim has: a gradient whose sign has changed counts as zero.
// Slots: that gradient and the length of the step, which begins with the rate. Only signs of
// gradients count; one that is not finite spoils its weight nonetheless.
struct Rprop {
  static constexpr const char* name = "rprop";
  static constexpr int n_slots = 2;
  static constexpr int n_parameters = 4;  // shrinks, grows, shortest, longest
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V first, shrinks, grows, shortest, longest;
    template <class Numbers> explicit Element(const Numbers& at)
        : first(at.step == 1 ? at.rate() : constant<V>(0)),
          shrinks(constant<V>(at.parameters[0])),
          grows(constant<V>(at.parameters[1])),
          shortest(constant<V>(at.parameters[2])),
          longest(constant<V>(at.parameters[3])) {}
    FALLLINE_INLINE void step(V& w, V g, V* slots) const {
      // A product of signs, as that of two small gradients would be 0. A sum with 0 is never -0.
      const V zero = constant<V>(0), one = constant<V>(1);
      const V sign = select_negative(g + zero, -one, select_negative(-g, one, zero));
      const V product = fma(sign, slots[0], zero);
      V factor = select_negative(product, shrinks, one);
      factor = select_negative(-product, grows, factor);
      slots[1] = min(longest, max(shortest, factor * (slots[1] + first)));
      slots[0] = select_negative(product, zero, g);
      w = fnma(select_negative(product, zero, sign), slots[1], w);
      w = w + (g - g);
    }
  };
};
