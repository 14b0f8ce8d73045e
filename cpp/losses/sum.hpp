#pragma once

// A sum of losses of rows that count wholly or not at all (count 1 or 0), at most 64 to a lane. A
// loss whose sum is had for less than its values specialises this in its file.
template <class Loss, class V> struct LossSum {
  V total;

  FALLLINE_INLINE LossSum() : total(constant<V>(0)) {}
  FALLLINE_INLINE void add(const Loss& loss, V margin, V target, V count) {
    total = fma(count, loss.value(margin, target), total);
  }
  FALLLINE_INLINE V value() const { return total; }
};
