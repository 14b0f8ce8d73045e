// The target's tables, made by expanding the type lists. They are constants: nothing of a target
// runs before somebody has asked whether the machine can run it.
#pragma once

template <class T, class List> struct LossEntries;
template <class T, class... Members> struct LossEntries<T, TypeList<Members...>> {
  static constexpr LossEntry<T> entries[] = {{Members::name, Members::n_parameters,
                                              residuals<Members, T>, loss_values<Members, T>,
                                              loss_derivatives<Members, T>}...};
};

template <class T, class List> struct RuleEntries;
template <class T, class... Members> struct RuleEntries<T, TypeList<Members...>> {
  static_assert(((Members::n_slots <= max_slots) && ...));
  static constexpr RuleEntry<T> entries[] = {
      {Members::name, Members::n_slots, Members::n_parameters, step<Members, T>}...};
};

template <class T, class List> struct FunctionEntries;
template <class T, class... Members> struct FunctionEntries<T, TypeList<Members...>> {
  static constexpr FunctionEntry<T> entries[] = {{Members::name, apply<Members, T>}...};
};

template <class E, std::size_t n> constexpr Entries<E> entries_of(const E (&entries)[n]) {
  return {entries, n};
}

template <class T> constexpr KernelTable<T> table(const char* target) {
  return {target,
          entries_of(LossEntries<T, Losses>::entries),
          entries_of(RuleEntries<T, Rules>::entries),
          entries_of(FunctionEntries<T, Functions>::entries),
          tile<T>,
          margins<T>,
          read_sum<T>,
          all_finite<T>};
}
