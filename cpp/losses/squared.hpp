#pragma once

struct Squared {
  static constexpr const char* name = "squared";
  template <class V> FALLLINE_INLINE V value(V margin, V target) const {
    const V error = margin - target;
    return constant<V>(0.5) * error * error;
  }
  template <class V> FALLLINE_INLINE V derivative(V margin, V target) const {
    return margin - target;
  }
};
