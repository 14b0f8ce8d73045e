// A step of an update rule over an array of any length.
#pragma once

#include "kernels/table.hpp"

namespace fallline {

// Element by element, hence the same bits however it is divided among threads.
template <class T>
void update(const RuleEntry<T>& rule, const StepNumbers& numbers, const StepArrays<T>& arrays);

// The same for one line of heads.
template <class T> void update(const RuleEntry<T>& rule, const HeadStepTask<T>& task);

}  // namespace fallline
