// The kinds of elements that can be read in place, by NumPy's names for them. Each is computed in
// the narrowest of float and double that holds all its numbers; 64-bit integers are rounded.
#pragma once

struct Float32 {
  static constexpr const char* name = "float32";
  using element = float;
};
struct Half {
  static constexpr const char* name = "float16";
  using element = Float16;
};
struct Brain {
  static constexpr const char* name = "bfloat16";
  using element = BFloat16;
};
struct Bool {
  static constexpr const char* name = "bool";
  using element = std::uint8_t;
};
struct UInt8 {
  static constexpr const char* name = "uint8";
  using element = std::uint8_t;
};
struct Int8 {
  static constexpr const char* name = "int8";
  using element = std::int8_t;
};
struct UInt16 {
  static constexpr const char* name = "uint16";
  using element = std::uint16_t;
};
struct Int16 {
  static constexpr const char* name = "int16";
  using element = std::int16_t;
};
struct Float64 {
  static constexpr const char* name = "float64";
  using element = double;
};
struct UInt32 {
  static constexpr const char* name = "uint32";
  using element = std::uint32_t;
};
struct Int32 {
  static constexpr const char* name = "int32";
  using element = std::int32_t;
};
struct UInt64 {
  static constexpr const char* name = "uint64";
  using element = std::uint64_t;
};
struct Int64 {
  static constexpr const char* name = "int64";
  using element = std::int64_t;
};

template <class T> struct KindsOf;
template <> struct KindsOf<float> {
  using list = TypeList<Float32, Half, Brain, Bool, UInt8, Int8, UInt16, Int16>;
};
template <> struct KindsOf<double> {
  using list = TypeList<Float64, UInt32, Int32, UInt64, Int64>;
};
template <class T> using Kinds = typename KindsOf<T>::list;
