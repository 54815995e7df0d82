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

/// Bytes of one element [t][n] of a sequence.
size_t StepWidth(const Transfer& transfer) {
  return transfer.bytes() / static_cast<size_t>(transfer.shape[0] * transfer.shape[1]);
}

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
  size_t turn_bytes = 0;
  for (const Transfer& input : inputs()) {
    const std::string what = "input " + std::to_string(given_.size());
    Check(input.location, input.dtype, input.shape, what);
    Assert(input.bytes() > 0, what + " is empty");
    Assert(input.shape.size() >= 2 || !(input.batch_major || input.lengths),
           what + " has no steps and rows");
    if (input.lengths) {
      Assert(*input.lengths < inputs().size(), what + " has no lengths");
      const Transfer& lengths = inputs()[*input.lengths];
      Assert(lengths.dtype == DType::kI32 && lengths.shape == Shape{input.shape[1]},
             what + " has lengths of another type or shape");
    }
    given_.push_back({staging_bytes_, input.bytes()});
    staging_bytes_ += Aligned(input.bytes());
  }
  for (const Transfer& output : outputs()) {
    const std::string what = "output " + std::to_string(results_.size());
    Check(output.location, output.dtype, output.shape, what);
    Assert(output.bytes() > 0, what + " is empty");
    Assert(output.shape.size() >= 2 || !output.batch_major, what + " has no steps and rows");
    if (output.batch_major) turn_bytes = std::max(turn_bytes, output.bytes());
    results_.push_back({staging_bytes_, output.bytes()});
    staging_bytes_ += Aligned(output.bytes());
  }
  op_times_ = {staging_bytes_, description_.ops.size() * sizeof(float)};
  staging_bytes_ += Aligned(op_times_.bytes);
  turn_offset_ = staging_bytes_;
  staging_bytes_ += turn_bytes;
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
    if (input.batch_major) {
      Transpose(to, host, input.shape[1], input.shape[0], StepWidth(input));
    } else {
      std::memcpy(to, host, input.bytes());
    }
    if (input.lengths) {
      ZeroPadding(to, input.shape[0], input.shape[1], StepWidth(input),
                  static_cast<const int32_t*>(from[*input.lengths]));
    }
  }
}

void Program::Run(const Arena& arena, std::byte* staging, const RunContext& context) {
  Bind(arena);
  for (size_t i = 0; i < inputs().size(); ++i) {
    const Transfer& input = inputs()[i];
    engine_->Upload(Address(input.location, arena), staging + given_[i].offset, input.bytes());
  }
  executable_->Run(context);
  if (context.cancelled && *context.cancelled) return;
  for (size_t i = 0; i < outputs().size(); ++i) {
    const Transfer& output = outputs()[i];
    std::byte* const to = staging + results_[i].offset;
    std::byte* const raw = output.batch_major ? staging + turn_offset_ : to;
    engine_->Download(raw, Address(output.location, arena), output.bytes());
    if (output.batch_major) {
      Transpose(to, raw, output.shape[0], output.shape[1], StepWidth(output));
    }
  }
}

void Program::Profile(const Arena& arena, std::byte* staging, RunContext context) {
  std::vector<double> seconds;
  context.op_seconds = &seconds;
  Run(arena, staging, context);
  Assert(seconds.size() == description_.ops.size(), "the engine has not timed every op");
  auto* const times = reinterpret_cast<float*>(staging + op_times_.offset);
  std::transform(seconds.begin(), seconds.end(), times,
                 [](double each) { return static_cast<float>(1e3 * each); });
}

}  // namespace bnlstm
