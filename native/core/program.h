#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/array.h"
#include "core/engine.h"

namespace bnlstm {

/// Where a value lies: bytes into an array, or into the arena if that is null.
struct Location {
  std::shared_ptr<Array> array;
  size_t offset = 0;
};

/// An op as it was recorded: operands with places instead of addresses.
struct OpDescription {
  struct Operand {
    DType dtype = DType::kF32;
    Shape shape;
    std::optional<Location> location;  // absent: for sizes alone
  };
  std::string name;
  std::map<std::string, Operand> operands;
  std::map<std::string, Option> options;

  /// As the engine wants it; addresses are null without `arena`.
  OpArguments Bind(const Arena* arena) const;
};

/// A value that crosses between host and device at every run. The host may have f32 for the device's
/// bf16: it is rounded on the way in and widened on the way out. Else both have the same type.
struct Transfer {
  DType dtype = DType::kF32;  // the device's
  Shape shape;                // the device's, time-major
  Location location;
  bool batch_major = false;       // the host has [B][T]... for the device's [T][B]...
  std::optional<size_t> lengths;  // inputs: by which other input [B] i32 padding is zeroed
  std::optional<DType> host_dtype = std::nullopt;  // absent: as the device's

  DType host() const { return host_dtype.value_or(dtype); }
  bool converted() const { return host() != dtype; }
  int64_t count() const { return Count(shape); }
  size_t bytes() const { return static_cast<size_t>(count()) * ByteSize(dtype); }
  size_t host_bytes() const { return static_cast<size_t>(count()) * ByteSize(host()); }
};

/// A part of the staging memory, in bytes.
struct Span {
  size_t offset = 0, bytes = 0;
};

struct ProgramDescription {
  std::vector<OpDescription> ops;
  std::vector<Transfer> inputs, outputs;
  size_t arena_bytes = 0;
};

/// Ops that run in order, checked whole, with the values that the host gives and gets.
class Program {
 public:
  /// Throws kInternal for a value outside its memory or a transfer that makes no sense.
  Program(std::shared_ptr<const Engine> engine, ProgramDescription description);

  size_t arena_bytes() const { return description_.arena_bytes; }
  const std::vector<Transfer>& inputs() const { return description_.inputs; }
  const std::vector<Transfer>& outputs() const { return description_.outputs; }
  /// Owner's thread: whether all of its arrays are still there.
  bool Usable() const;

  /// Compiles it for this arena, unless that was done. Not while it runs.
  void Bind(const Arena& arena);

  /// Ends it: nothing of the engine is kept. Not while it runs.
  void Free() {
    executable_ = nullptr;
    engine_ = nullptr;
  }

  /// Bytes of each value that a run copies in or out.
  std::vector<size_t> copies() const;

  /// What a run needs of staging memory: all inputs as the device wants them, all outputs as the
  /// host does, and those as the device has them too where the two differ.
  size_t staging_bytes() const { return staging_bytes_; }
  /// Lays the host's arrays, one for each input, into the staging memory.
  void CopyIn(const std::vector<const void*>& from, std::byte* staging) const;
  /// Starts a run: uploads, ops, downloads; Finish, called with the same staging memory and in the
  /// order of the starts, waits for its end. Once `cancelled` is set the outputs mean nothing.
  void Start(const Arena& arena, std::byte* staging, const RunContext& context);
  void Finish(std::byte* staging, const RunContext& context);
  /// Whether Finish would not wait.
  bool Ended() { return executable_->Ended(); }
  /// Both, timing each op.
  void Profile(const Arena& arena, std::byte* staging, RunContext context);
  /// Uploads, then runs as often as `milliseconds` has room for the time of each, f32 in `staging`,
  /// beyond staging_bytes(). Nothing is downloaded.
  void Time(const Arena& arena, std::byte* staging, Span milliseconds, const RunContext& context);
  /// Where in the staging memory a run has left each output.
  const std::vector<Span>& results() const { return results_; }
  /// Where Profile has left the milliseconds of each op, f32.
  Span op_times() const { return op_times_; }

 private:
  std::vector<Copy> Uploads(const Arena& arena, std::byte* staging) const;
  Span Take(size_t bytes);
  void Check(const Location& location, DType dtype, const Shape& shape, const std::string& what);
  void Check(const Transfer& transfer, const std::string& what);

  std::shared_ptr<const Engine> engine_;
  ProgramDescription description_;
  std::vector<std::shared_ptr<Array>> arrays_;  // each once
  std::vector<Span> given_, results_;           // in staging, by input and by output
  std::vector<Span> raw_;                       // the outputs as the device has them
  Span op_times_;                               // in staging too
  size_t staging_bytes_ = 0;
  std::unique_ptr<Executable> executable_;
  uint64_t generation_ = 0;  // of the arena that executable_ has addresses into
};

}  // namespace bnlstm
