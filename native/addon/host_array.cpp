#include "addon/host_array.h"

#include "core/error.h"

namespace bnlstm::addon {
namespace {

bool ToDType(napi_typedarray_type type, DType* dtype) {
  switch (type) {
    case napi_float32_array:
      *dtype = DType::kF32;
      return true;
    case napi_int32_array:
      *dtype = DType::kI32;
      return true;
    case napi_uint16_array:
      *dtype = DType::kBF16;
      return true;
    case napi_uint8_array:
      *dtype = DType::kU8;
      return true;
    default:
      return false;
  }
}

}  // namespace

HostArray ReadHostArray(const Napi::Value& value, const std::string& what) {
  HostArray array;
  napi_typedarray_type type;
  const napi_status status = napi_get_typedarray_info(value.Env(), value, &type, &array.count,
                                                      &array.data, nullptr, nullptr);
  if (status != napi_ok || !ToDType(type, &array.dtype)) {
    throw Error(kArgument, what + " must be a Float32Array, Int32Array, Uint16Array or Uint8Array");
  }
  array.bytes = array.count * ByteSize(array.dtype);
  return array;
}

HostArray ReadHostArray(const Napi::Value& value, DType dtype, size_t count,
                        const std::string& what) {
  const HostArray array = ReadHostArray(value, what);
  if (array.dtype != dtype || array.count != count) {
    throw Error(kArgument, what + " must hold " + std::to_string(count) + " " + Name(dtype) +
                               ", not " + std::to_string(array.count) + " " + Name(array.dtype) +
                               (array.count == 0 ? " (a detached array?)" : ""));
  }
  return array;
}

}  // namespace bnlstm::addon
