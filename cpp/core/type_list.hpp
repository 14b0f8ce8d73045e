// The compile-time list that a room's all.hpp names its members in.
#pragma once

namespace fallline {

template <class... Members> struct TypeList {};

}  // namespace fallline
