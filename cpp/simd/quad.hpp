// Four numbers side by side in the compiler's own vector types, on every target: for elements that
// lie anywhere in memory and are loaded one by one. Lanes have the bits that the numbers one by one
// would have.
#pragma once

template <class T> struct quad_of {
  typedef T type __attribute__((vector_size(4 * sizeof(T))));
};
template <class T> using quad = typename quad_of<T>::type;

template <class T> FALLLINE_INLINE quad<T> load_quad(const T* p) {
  quad<T> x;
  __builtin_memcpy(&x, p, sizeof(x));
  return x;
}
template <class T, class I> FALLLINE_INLINE quad<T> gather_quad(const T* p, const I* at) {
  return quad<T>{p[at[0]], p[at[1]], p[at[2]], p[at[3]]};
}
// One after the other, as two of the places may be the same.
template <class T, class I> FALLLINE_INLINE void add_lanes(T* p, const I* at, quad<T> x) {
  p[at[0]] += x[0];
  p[at[1]] += x[1];
  p[at[2]] += x[2];
  p[at[3]] += x[3];
}
