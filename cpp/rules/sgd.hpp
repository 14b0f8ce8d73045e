#pragma once

struct Sgd {
  static constexpr const char* name = "sgd";
  static constexpr int n_slots = 0;
  static constexpr int n_parameters = 0;
  static constexpr int n_penalties = 0;

  template <class V> struct Element {
    V rate;
    template <class Numbers> explicit Element(const Numbers& at) : rate(at.rate()) {}
    FALLLINE_INLINE void step(V& w, V g, V*) const { w = fnma(rate, g, w); }
  };
};
