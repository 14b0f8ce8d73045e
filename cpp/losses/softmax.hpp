#pragma once

// log(sum_k exp(z_k)) - z_c of the class c: the negative log-likelihood of one class among several.
// Its derivatives are the probabilities less 1 for c. The highest margin is taken off first, so
// that no exponential overflows.
struct Softmax {
  static constexpr const char* name = "softmax";
  static constexpr int n_parameters = 0;

  // Two parts of the loss of a row, which is log(sum) + shift.
  template <class T> struct Row {
    T sum;    // of the exponentials, from 1 to the number of classes
    T shift;  // the highest margin less that of the class
  };

  // Margins of one row, in lines that lie `stride` apart, become its weight times its derivatives.
  // Lanes past the last class hold minus infinity, whose exponential is 0.
  template <class T> FALLLINE_INLINE Row<T> row(T* margins, std::ptrdiff_t n_lines,
                                                std::ptrdiff_t stride, std::ptrdiff_t target,
                                                T weight) const {
    constexpr std::ptrdiff_t size = vec<T>::size;
    const T target_margin = margins[target / size * stride + target % size];
    vec<T> highest = load(margins);
    for (std::ptrdiff_t l = 1; l < n_lines; ++l) highest = max(load(margins + l * stride), highest);
    const T shift = largest(highest);
    vec<T> total = set(T(0));
    for (std::ptrdiff_t l = 0; l < n_lines; ++l) {
      const vec<T> e = exp_or_zero(load(margins + l * stride) - set(shift));
      total = total + e;
      store(margins + l * stride, e);
    }
    const T divisor = sum(total);
    const vec<T> scale = set(weight / divisor);
    for (std::ptrdiff_t l = 0; l < n_lines; ++l) {
      const vec<T> own = select_lane(target - l * size, set(-weight), set(T(0)));
      store(margins + l * stride, fma(load(margins + l * stride), scale, own));
    }
    return {divisor, shift - target_margin};
  }
};
