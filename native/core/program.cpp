#include "core/program.h"

#include <algorithm>
#include <cstring>

#include "core/transfer.h"

namespace bnlstm {
namespace {

constexpr size_t kAlignment = 64;

size_t Aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::byte* Address(const Location& location, const Arena& arena) {
  return (location.array ? location.array->data() : arena.data()) + location.offset;
}

/// Bytes of one element [t][n] of a sequence on the device.
size_t StepWidth(const Transfer& transfer) {
  return transfer.bytes() / static_cast<size_t>(transfer.shape[0] * transfer.shape[1]);
}

/// The host's values as the device wants them.
void ToDevice(const Transfer& input, std::byte* to, const std::byte* host) {
  const int64_t batch = input.batch_major ? input.shape[1] : 1;
  const int64_t steps = input.batch_major ? input.shape[0] : 1;
  if (input.converted()) {
    TransposeToBf16(reinterpret_cast<uint16_t*>(to), reinterpret_cast<const float*>(host), batch,
                    steps, input.count() / (batch * steps));
  } else if (input.batch_major) {
    Transpose(to, host, batch, steps, StepWidth(input));
  } else {
    std::memcpy(to, host, input.bytes());
  }
}

/// The device's values, which are not those of the host, as the host wants them.
void ToHost(const Transfer& output, std::byte* to, const std::byte* device) {
  const int64_t batch = output.batch_major ? output.shape[1] : 1;
  const int64_t steps = output.batch_major ? output.shape[0] : 1;
  if (output.converted()) {
    TransposeFromBf16(reinterpret_cast<float*>(to), reinterpret_cast<const uint16_t*>(device),
                      steps, batch, output.count() / (batch * steps));
  } else {
    Transpose(to, device, steps, batch, StepWidth(output));
  }
}

/// Whether the host has other bytes than the device.
bool Differs(const Transfer& output) { return output.batch_major || output.converted(); }

}  // namespace

OpArguments OpDescription::Bind(const Arena* arena) const {
  OpArguments op;
  op.name = name;
  op.options = options;
  for (const auto& [key, operand] : operands) {
    void* const address = arena ? Address(*operand.location, *arena) : nullptr;
    op.operands.emplace(key, Tensor{operand.dtype, operand.shape, address, true});
  }
  return op;
}

Program::Program(std::shared_ptr<const Engine> engine, ProgramDescription description)
    : engine_(std::move(engine)), description_(std::move(description)) {
  for (const OpDescription& op : description_.ops) {
    for (const auto& [key, operand] : op.operands) {
      const std::string what = op.name + "'s " + key;
      Assert(operand.location.has_value(), what + " has no location");
      Check(*operand.location, operand.dtype, operand.shape, what);
    }
  }
  for (const Transfer& input : inputs()) {
    const std::string what = "input " + std::to_string(given_.size());
    Check(input, what);
    if (input.lengths) {
      Assert(*input.lengths < inputs().size(), what + " has no lengths");
      const Transfer& lengths = inputs()[*input.lengths];
      Assert(lengths.dtype == DType::kI32 && lengths.shape == Shape{input.shape[1]},
             what + " has lengths of another type or shape");
    }
    given_.push_back(Take(input.bytes()));
  }
  for (const Transfer& output : outputs()) {
    const std::string what = "output " + std::to_string(results_.size());
    Check(output, what);
    results_.push_back(Take(output.host_bytes()));
    raw_.push_back(Differs(output) ? Take(output.bytes()) : results_.back());
  }
  op_times_ = Take(description_.ops.size() * sizeof(float));
}

/// The next piece of the staging memory.
Span Program::Take(size_t bytes) {
  const Span span{staging_bytes_, bytes};
  staging_bytes_ += Aligned(bytes);
  return span;
}

void Program::Check(const Transfer& transfer, const std::string& what) {
  Check(transfer.location, transfer.dtype, transfer.shape, what);
  Assert(transfer.bytes() > 0, what + " is empty");
  Assert(transfer.shape.size() >= 2 || !(transfer.batch_major || transfer.lengths),
         what + " has no steps and rows");
  Assert(
      !transfer.converted() || (transfer.dtype == DType::kBF16 && transfer.host() == DType::kF32),
      what + " has a type that is not converted");
}

void Program::Check(const Location& location, DType dtype, const Shape& shape,
                    const std::string& what) {
  const size_t bytes = static_cast<size_t>(Count(shape)) * ByteSize(dtype);
  const size_t memory = location.array ? location.array->bytes() : arena_bytes();
  Assert(location.offset % ByteSize(dtype) == 0, what + " is not aligned");
  Assert(location.offset <= memory && bytes <= memory - location.offset,
         what + " lies outside of its memory");
  if (location.array && std::count(arrays_.begin(), arrays_.end(), location.array) == 0) {
    arrays_.push_back(location.array);
  }
}

bool Program::Usable() const {
  return std::none_of(arrays_.begin(), arrays_.end(),
                      [](const auto& array) { return array->disposed(); });
}

void Program::Bind(const Arena& arena) {
  if (executable_ && generation_ == arena.generation()) return;
  std::vector<OpArguments> ops;
  ops.reserve(description_.ops.size());
  for (const OpDescription& op : description_.ops) ops.push_back(op.Bind(&arena));
  executable_ = engine_->Compile(ops);
  generation_ = arena.generation();
}

void Program::CopyIn(const std::vector<const void*>& from, std::byte* staging) const {
  for (size_t i = 0; i < inputs().size(); ++i) {
    const Transfer& input = inputs()[i];
    const auto* const host = static_cast<const std::byte*>(from[i]);
    std::byte* const to = staging + given_[i].offset;
    ToDevice(input, to, host);
    if (input.lengths) {
      ZeroPadding(to, input.shape[0], input.shape[1], StepWidth(input),
                  static_cast<const int32_t*>(from[*input.lengths]));
    }
  }
}

std::vector<size_t> Program::copies() const {
  std::vector<size_t> copies;
  for (const auto* transfers : {&inputs(), &outputs()}) {
    for (const Transfer& transfer : *transfers) copies.push_back(transfer.bytes());
  }
  return copies;
}

std::vector<Copy> Program::Uploads(const Arena& arena, std::byte* staging) const {
  std::vector<Copy> uploads;
  for (size_t i = 0; i < inputs().size(); ++i) {
    const Transfer& input = inputs()[i];
    uploads.push_back({Address(input.location, arena), staging + given_[i].offset, input.bytes()});
  }
  return uploads;
}

void Program::Start(const Arena& arena, std::byte* staging, const RunContext& context) {
  Bind(arena);
  const std::vector<Copy> uploads = Uploads(arena, staging);
  std::vector<Copy> downloads;
  for (size_t i = 0; i < outputs().size(); ++i) {
    const Transfer& output = outputs()[i];
    downloads.push_back(
        {Address(output.location, arena), staging + raw_[i].offset, output.bytes()});
  }
  executable_->Start(uploads, downloads, context);
}

void Program::Finish(std::byte* staging, const RunContext& context) {
  executable_->Finish();
  if (context.cancelled && *context.cancelled) return;
  for (size_t i = 0; i < outputs().size(); ++i) {
    if (Differs(outputs()[i]))
      ToHost(outputs()[i], staging + results_[i].offset, staging + raw_[i].offset);
  }
}

void Program::Profile(const Arena& arena, std::byte* staging, RunContext context) {
  std::vector<double> seconds;
  context.op_seconds = &seconds;
  Start(arena, staging, context);
  Finish(staging, context);
  Assert(seconds.size() == description_.ops.size(), "the engine has not timed every op");
  auto* const times = reinterpret_cast<float*>(staging + op_times_.offset);
  std::transform(seconds.begin(), seconds.end(), times,
                 [](double each) { return static_cast<float>(1e3 * each); });
}

void Program::Time(const Arena& arena, std::byte* staging, Span milliseconds,
                   const RunContext& context) {
  Bind(arena);
  for (const Copy& copy : Uploads(arena, staging)) {
    engine_->Upload(copy.device, copy.host, copy.bytes);
  }
  for (size_t done = 0; done < milliseconds.bytes; done += sizeof(float)) {
    if (context.cancelled && *context.cancelled) return;
    const auto time = static_cast<float>(1e3 * executable_->TimedRun(context));
    std::memcpy(staging + milliseconds.offset + done, &time, sizeof time);
  }
}

}  // namespace bnlstm
