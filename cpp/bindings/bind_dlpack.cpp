#include <cstdint>
#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"

namespace fallline {
namespace {

// The part of DLPack's interface that says where an array of a CPU lies (dlpack.h, version 0.8):
// the structs are fixed by it, and so are the names of capsules.
struct DLDevice {
  std::int32_t device_type, device_id;
};
struct DLDataType {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  std::int32_t ndim;
  DLDataType dtype;
  std::int64_t *shape, *strides;  // in elements; null strides: contiguous
  std::uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor*);
};
constexpr int of_cpu = 1, code_float = 2, code_bfloat = 4;

// NumPy has no bfloat16: its bits are uint16.
py::dtype dtype_of(const DLDataType& type) {
  if (type.lanes == 1 && type.code == code_float && type.bits == 16) return py::dtype("float16");
  if (type.lanes == 1 && type.code == code_float && type.bits == 32) return py::dtype("float32");
  if (type.lanes == 1 && type.code == code_float && type.bits == 64) return py::dtype("float64");
  if (type.lanes == 1 && type.code == code_bfloat && type.bits == 16) return py::dtype("uint16");
  throw py::type_error("arrays must be of float16, bfloat16, float32 or float64");
}

py::array from_dlpack(const py::capsule& capsule) {
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
  if (!managed) throw py::error_already_set();
  const DLTensor& tensor = managed->tensor;
  if (tensor.device.device_type != of_cpu) throw py::value_error("arrays must be of the CPU");
  const py::dtype dtype = dtype_of(tensor.dtype);
  std::vector<py::ssize_t> shape(tensor.shape, tensor.shape + tensor.ndim), strides(shape.size());
  py::ssize_t size = dtype.itemsize();
  for (std::size_t k = shape.size(); k-- > 0; size *= shape[k]) {
    strides[k] = tensor.strides ? tensor.strides[k] * dtype.itemsize() : size;
  }
  // Taken over: who made the capsule no longer deletes the tensor, the array does.
  PyCapsule_SetName(capsule.ptr(), "used_dltensor");
  const py::capsule owner(managed, [](void* of) {
    auto* held = static_cast<DLManagedTensor*>(of);
    if (held->deleter) held->deleter(held);
  });
  return py::array(dtype, shape, strides, static_cast<char*>(tensor.data) + tensor.byte_offset,
                   owner);
}

}  // namespace

void bind_dlpack(py::module_& m) {
  m.def("from_dlpack", from_dlpack, py::arg("capsule"),
        "The array of a DLPack capsule, of the same memory; bfloat16 as uint16.");
}

}  // namespace fallline
