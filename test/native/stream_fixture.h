#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "core/stream.h"
#include "fake_engine.h"

namespace bnlstm {

/// The ends of jobs: codes of their faults, empty for success, in order.
class Ends {
 public:
  Stream::Done Next() {
    return [this](std::optional<Fault> fault) {
      std::lock_guard lock(mutex_);
      codes_.push_back(fault ? fault->code : "");
      messages_.push_back(fault ? fault->message : "");
      ended_.notify_all();
    };
  }
  /// Waits for that many ends.
  std::vector<std::string> Codes(size_t count) {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return codes_.size() >= count; });
    return codes_;
  }
  std::string Message(size_t index) {
    Codes(index + 1);
    std::lock_guard lock(mutex_);
    return messages_[index];
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<std::string> codes_, messages_;
};

/// A stream on a fake engine. Programs work on one value of `count` f32 at the arena's begin, or in
/// `array`, which is input and output at once.
struct StreamFixture {
  explicit StreamFixture(size_t limit = SIZE_MAX)
      : engine(std::make_shared<FakeEngine>(limit)), stream(engine, 0) {}

  static OpDescription Op(const std::string& name, double argument, const Location& location,
                          int64_t count) {
    OpDescription op;
    op.name = name;
    op.options = {{"by", argument}, {"ms", argument}};
    op.operands["y"] = {DType::kF32, {count}, location};
    return op;
  }
  static ProgramDescription Describe(std::vector<std::pair<std::string, double>> ops,
                                     int64_t count = 4) {
    ProgramDescription program;
    program.arena_bytes = static_cast<size_t>(count) * 4;
    for (const auto& [name, argument] : ops) {
      program.ops.push_back(Op(name, argument, {nullptr, 0}, count));
    }
    program.inputs = program.outputs = {{DType::kF32, {count}, {nullptr, 0}, false, {}}};
    return program;
  }

  /// Runs it on `values` and waits; returns the output.
  std::vector<float> Run(const std::shared_ptr<Program>& program, std::vector<float> values) {
    Ends ends;
    Staging staging = stream.staging().Take(program->staging_bytes());
    program->CopyIn({values.data()}, staging.data());
    stream.Run(program, staging.data(), ends.Next());
    CHECK_EQ(ends.Codes(1)[0], "");
    const auto [offset, bytes] = program->results()[0];
    values.resize(bytes / 4);
    std::memcpy(values.data(), staging.data() + offset, bytes);
    stream.staging().GiveBack(std::move(staging));
    return values;
  }

  std::shared_ptr<FakeEngine> engine;
  Stream stream;
};

}  // namespace bnlstm
