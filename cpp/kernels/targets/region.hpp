// What every target file needs before it opens its region: standard headers stay outside, or their
// inline functions would be compiled for a processor that may not be there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/type_list.hpp"
#include "core/types.hpp"
#include "kernels/table.hpp"
#include "kernels/targets/targets.hpp"

#define FALLLINE_INLINE inline __attribute__((always_inline))
