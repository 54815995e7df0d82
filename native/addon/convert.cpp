#include "addon/convert.h"

#include <cmath>
#include <string>

#include "addon/array_wrap.h"

namespace bnlstm::addon {
namespace {

Napi::Object ReadObject(const Napi::Value& value, const std::string& what) {
  Assert(value.IsObject(), what + " must be an object");
  return value.As<Napi::Object>();
}

/// Calls `read` with each element of a JavaScript array.
template <class Read>
void ForEach(const Napi::Value& value, const std::string& what, const Read& read) {
  Assert(value.IsArray(), what + " must be an array");
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) read(array.Get(i));
}

/// Calls `read` with each key and value of an object; undefined ones count as absent.
template <class Read>
void ForEachEntry(const Napi::Value& value, const std::string& what, const Read& read) {
  const Napi::Object object = ReadObject(value, what);
  ForEach(object.GetPropertyNames(), what, [&](const Napi::Value& key) {
    const Napi::Value entry = object.Get(key);
    if (!entry.IsUndefined()) read(key.As<Napi::String>().Utf8Value(), entry);
  });
}

DType ReadDType(const Napi::Value& value) {
  const std::string name = value.ToString();
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kI32, DType::kU8}) {
    if (name == Name(dtype)) return dtype;
  }
  throw Error(kInternal, "internal error: there is no dtype '" + name + "'");
}

Shape ReadShape(const Napi::Value& value) {
  Shape shape;
  ForEach(value, "a shape", [&](const Napi::Value& extent) {
    shape.push_back(static_cast<int64_t>(ReadCount(extent, "an extent")));
  });
  return shape;
}

Location ReadLocation(const Napi::Value& value, const Stream& stream) {
  const Napi::Object location = ReadObject(value, "a location");
  if (location.Has("arena")) return {nullptr, ReadCount(location.Get("arena"), "an offset")};
  return {ArrayWrap::Get(location.Get("array"), stream),
          ReadCount(location.Get("offset"), "an offset")};
}

Option ReadOption(const Napi::Value& value, const std::string& what) {
  if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  std::vector<double> numbers;
  ForEach(value, what, [&](const Napi::Value& number) {
    Assert(number.IsNumber(), what + " must hold numbers");
    numbers.push_back(number.As<Napi::Number>().DoubleValue());
  });
  return numbers;
}

Transfer ReadTransfer(const Napi::Value& value, const Stream& stream) {
  const Napi::Object object = ReadObject(value, "an input or output");
  Transfer transfer;
  transfer.dtype = ReadDType(object.Get("dtype"));
  transfer.shape = ReadShape(object.Get("shape"));
  transfer.location = ReadLocation(object.Get("location"), stream);
  transfer.batch_major = object.Get("batchMajor").ToBoolean();
  const Napi::Value lengths = object.Get("lengths");
  if (!lengths.IsUndefined()) transfer.lengths = ReadCount(lengths, "lengths");
  const Napi::Value host_dtype = object.Get("hostDtype");
  if (!host_dtype.IsUndefined()) transfer.host_dtype = ReadDType(host_dtype);
  return transfer;
}

}  // namespace

size_t ReadCount(const Napi::Value& value, const char* what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  Assert(number >= 0 && number <= 0x1p53 && number == std::floor(number),
         std::string(what) + " must be a count");
  return static_cast<size_t>(number);
}

OpDescription ReadOp(const Napi::Value& value, const Stream& stream) {
  const Napi::Object object = ReadObject(value, "an op");
  OpDescription op;
  op.name = object.Get("name").ToString();
  ForEachEntry(object.Get("operands"), op.name, [&](std::string key, const Napi::Value& entry) {
    const Napi::Object operand = ReadObject(entry, op.name + "'s " + key);
    OpDescription::Operand read{ReadDType(operand.Get("dtype")), ReadShape(operand.Get("shape")),
                                std::nullopt};
    const Napi::Value location = operand.Get("location");
    if (!location.IsUndefined()) read.location = ReadLocation(location, stream);
    op.operands.emplace(std::move(key), std::move(read));
  });
  ForEachEntry(object.Get("options"), op.name, [&](std::string key, const Napi::Value& entry) {
    Option option = ReadOption(entry, op.name + "'s option " + key);
    op.options.emplace(std::move(key), std::move(option));
  });
  return op;
}

ProgramDescription ReadProgram(const Napi::Value& value, const Stream& stream) {
  const Napi::Object object = ReadObject(value, "a program");
  ProgramDescription program;
  ForEach(object.Get("ops"), "ops",
          [&](const Napi::Value& op) { program.ops.push_back(ReadOp(op, stream)); });
  ForEach(object.Get("inputs"), "inputs",
          [&](const Napi::Value& input) { program.inputs.push_back(ReadTransfer(input, stream)); });
  ForEach(object.Get("outputs"), "outputs", [&](const Napi::Value& output) {
    program.outputs.push_back(ReadTransfer(output, stream));
  });
  program.arena_bytes = ReadCount(object.Get("arenaBytes"), "arenaBytes");
  return program;
}

cpu::Orthogonal ReadOrthogonal(const Napi::Value& value) {
  const Napi::Object object = ReadObject(value, "a matrix");
  const auto count = [&](const char* name) { return ReadCount(object.Get(name), name); };
  // A key's low word is below 2^32 in JavaScript, so the seed is put together again exactly.
  const uint64_t seed = uint64_t{count("seedHigh")} << 32 | count("seedLow");
  cpu::Orthogonal matrix{
      static_cast<int64_t>(count("rows")),
      static_cast<int64_t>(count("columns")),
      object.Get("scale").ToNumber().DoubleValue(),
      {seed, static_cast<uint32_t>(count("stream")), static_cast<uint32_t>(count("attempt"))}};
  Assert(matrix.rows > 0 && matrix.columns > 0, "an orthogonal matrix is not empty");
  return matrix;
}

}  // namespace bnlstm::addon
