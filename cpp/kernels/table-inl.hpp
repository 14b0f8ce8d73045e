// The target's tables, made by expanding the type lists. They are constants: nothing of a target
// runs before somebody has asked whether the machine can run it.
#pragma once

// The conjugate's address, or null for a loss without one.
template <class Loss, class T> constexpr auto conjugate_of(int)
    -> decltype(&Loss::template conjugate<vec<T>>, Binary<T>{}) {
  return of_losses<Conjugate, Loss, T>;
}
template <class Loss, class T> constexpr Binary<T> conjugate_of(...) { return nullptr; }

template <class T, class List> struct LossEntries;
template <class T, class... Members> struct LossEntries<T, TypeList<Members...>> {
  static constexpr LossEntry<T> entries[] = {
      {Members::name, Members::n_parameters, residuals<Members, T>, of_losses<Value, Members, T>,
       of_losses<Derivative, Members, T>, of_losses<Curvature, Members, T>,
       conjugate_of<Members, T>(0), smoothness<Members>, descent<Members, T>,
       csr_descent<Members, T, std::int32_t>, csr_descent<Members, T, std::int64_t>}...};
};

template <class T, class Independent, class Coupled> struct HeadLossEntries;
template <class T, class... Independent, class... Coupled>
struct HeadLossEntries<T, TypeList<Independent...>, TypeList<Coupled...>> {
  static constexpr HeadLossEntry<T> entries[] = {
      {Independent::name, Independent::n_parameters, false, head_residuals<Independent, T>}...,
      {Coupled::name, Coupled::n_parameters, true, coupled_residuals<Coupled, T>}...};
};

template <class T, class List> struct RuleEntries;
template <class T, class... Members> struct RuleEntries<T, TypeList<Members...>> {
  static_assert(((Members::n_slots <= max_slots) && ...));
  static constexpr RuleEntry<T> entries[] = {
      {Members::name, Members::n_slots, Members::n_parameters, Members::n_penalties, 0, 0,
       step<Members, T>, head_step<Members, T>, brain_step<Members>, nullptr, nullptr}...};
};

template <class Rule, class T, bool sums = (Rule::n_sums > 0)> struct ReduceOf {
  static constexpr auto function = reduce<Rule, T>;
};
template <class Rule, class T> struct ReduceOf<Rule, T, false> {
  static constexpr void (*function)(const StepNumbers&, const StepArrays<T>&, double*) = nullptr;
};

template <class T, class List> struct ArrayRuleEntries;
template <class T, class... Members> struct ArrayRuleEntries<T, TypeList<Members...>> {
  static_assert(((Members::n_slots <= max_slots && Members::n_sums <= max_sums) && ...));
  static constexpr RuleEntry<T> entries[] = {
      {Members::name, Members::n_slots, Members::n_parameters, 0, Members::n_memory,
       Members::n_sums, step<Members, T>, nullptr, brain_step<Members>,
       ReduceOf<Members, T>::function, Members::prepare}...};
};

template <class T, class List> struct FunctionEntries;
template <class T, class... Members> struct FunctionEntries<T, TypeList<Members...>> {
  static constexpr FunctionEntry<T> entries[] = {{Members::name, apply<Members, T>}...};
};

template <class T, class I> constexpr CsrKernels<T, I> csr_table() {
  return {csr_margins<T, I>, csr_add<T, I, T>, csr_add<T, I, double>, csr_threshold<T, I>};
}

template <class T, class List> struct SourceEntries;
template <class T, class... Members> struct SourceEntries<T, TypeList<Members...>> {
  static constexpr SourceEntry<T> entries[] = {
      {Members::name, sizeof(typename Members::element), unpack<T, typename Members::element>}...};
};

template <class E, std::size_t n> constexpr Entries<E> entries_of(const E (&entries)[n]) {
  return {entries, n};
}

constexpr FactorKernels factor_table() {
  return {factor_diagonal, solve_rows,     update_columns,   solve_triangle,
          unpack_columns,  column_squares, make_reflections, reflect_columns};
}

template <class T> constexpr KernelTable<T> table(const char* target) {
  return {target,
          entries_of(LossEntries<T, Losses>::entries),
          entries_of(RuleEntries<T, Rules>::entries),
          entries_of(ArrayRuleEntries<T, ArrayRules>::entries),
          entries_of(FunctionEntries<T, Functions>::entries),
          entries_of(HeadLossEntries<T, Losses, CoupledLosses>::entries),
          entries_of(SourceEntries<T, Kinds<T>>::entries),
          tile<T>,
          block_rows<T>,
          margins<T>,
          head_tile<HeadLanes, T>,
          head_tile<FeatureLanes, T>,
          head_margins<T>,
          read_sum<T>,
          sum_of_squares<T>,
          all_finite<T>,
          in_place<T>,
          scaled_weights<T>,
          csr_table<T, std::int32_t>(),
          csr_table<T, std::int64_t>(),
          fma_chains<T>,
          centered_sums<T>,
          fold<T>,
          unfold<T>,
          standardize<T>,
          {widen<Float16>, widen<BFloat16>, narrow<Float16>, narrow<BFloat16>},
          gram_kernels,
          factor_table()};
}
