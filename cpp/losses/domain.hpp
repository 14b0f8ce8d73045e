#pragma once

// value where low <= x <= high and infinity elsewhere: how a conjugate says where it is defined.
// Adding 0 makes a negative zero positive, lest it count as outside.
template <class V> FALLLINE_INLINE V within(double low, double high, V x, V value) {
  const V infinity = constant<V>(__builtin_inf());
  return select_negative(x - constant<V>(low) + constant<V>(0), infinity,
                         select_negative(constant<V>(high) - x, infinity, value));
}
