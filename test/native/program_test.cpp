#include "core/program.h"

#include <cmath>
#include <numeric>

#include "stream_fixture.h"

namespace bnlstm {
namespace {

TEST(ProgramChecksPlaces) {
  StreamFixture fixture;
  const auto rejected = [&](const std::function<void(ProgramDescription&)>& spoil) {
    auto description = StreamFixture::Describe({{"increment", 1}});
    spoil(description);
    CHECK_THROWS(fixture.stream.NewProgram(description), kInternal);
  };
  rejected([](auto& program) { program.arena_bytes = 12; });
  rejected([](auto& program) { program.ops[0].operands["y"].location.reset(); });
  rejected([](auto& program) { program.ops[0].operands["y"].location->offset = 2; });
  rejected([](auto& program) { program.inputs[0].location.offset = SIZE_MAX - 3; });
  rejected([](auto& program) { program.inputs[0].batch_major = true; });
  rejected([](auto& program) { program.inputs[0].lengths = 0; });
  rejected([](auto& program) { program.outputs[0].shape = {0}; });
  rejected([](auto& program) { program.inputs[0].host_dtype = DType::kBF16; });
  rejected([](auto& program) { program.outputs[0].host_dtype = DType::kI32; });
  rejected([&](auto& program) { program.outputs[0].location.array = fixture.stream.NewArray(8); });
  CHECK_THROWS(fixture.stream.NewProgram(StreamFixture::Describe({{"unknown", 0}})), kUnsupported);
}

TEST(ProgramTurnsAxesAndZeroesPadding) {
  StreamFixture fixture;
  const int64_t steps = 3, batch = 2, width = 2;
  ProgramDescription description;
  description.arena_bytes = 128;
  description.inputs = {
      {DType::kF32, {steps, batch, width}, {nullptr, 0}, true, 1},
      {DType::kI32, {batch}, {nullptr, 64}, false, {}},
  };
  description.outputs = {
      {DType::kF32, {steps, batch, width}, {nullptr, 0}, true, {}},
      {DType::kF32, {steps, batch, width}, {nullptr, 0}, false, {}},
  };
  const auto program = fixture.stream.NewProgram(description);
  std::vector<float> x(12);  // [batch][steps][width]
  std::iota(x.begin(), x.end(), 1.0f);
  const std::vector<int32_t> lengths{3, 1};
  Staging staging = fixture.stream.staging().Take(program->staging_bytes());
  program->CopyIn({x.data(), lengths.data()}, staging.data());
  Ends ends;
  fixture.stream.Run(program, staging.data(), ends.Next());
  CHECK_EQ(ends.Codes(1)[0], "");
  const auto read = [&](size_t output) {
    const auto [offset, bytes] = program->results()[output];
    std::vector<float> values(bytes / 4);
    std::memcpy(values.data(), staging.data() + offset, bytes);
    return values;
  };
  CHECK((read(0) == std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0}));
  CHECK((read(1) == std::vector<float>{1, 2, 7, 8, 3, 4, 0, 0, 5, 6, 0, 0}));
}

TEST(ProgramRoundsOnTheWay) {
  StreamFixture fixture;
  const Shape shape{3, 2, 1};  // [steps][batch][width], bf16 on the device
  ProgramDescription description;
  description.arena_bytes = 128;
  description.inputs = {
      {DType::kBF16, shape, {nullptr, 0}, true, 1, DType::kF32},
      {DType::kI32, {2}, {nullptr, 64}, false, {}},
  };
  description.outputs = {
      {DType::kBF16, shape, {nullptr, 0}, true, {}, DType::kF32},
      {DType::kBF16, shape, {nullptr, 0}, false, {}, DType::kF32},
      {DType::kBF16, shape, {nullptr, 0}, false, {}},
  };
  const auto program = fixture.stream.NewProgram(description);
  const std::vector<float> x{1.001f, 2, -3.01f, 4, NAN, NAN};  // [batch][steps]
  const std::vector<int32_t> lengths{3, 1};
  Staging staging = fixture.stream.staging().Take(program->staging_bytes());
  program->CopyIn({x.data(), lengths.data()}, staging.data());
  Ends ends;
  fixture.stream.Run(program, staging.data(), ends.Next());
  CHECK_EQ(ends.Codes(1)[0], "");
  const auto read = [&]<class T>(size_t output, T) {
    const auto [offset, bytes] = program->results()[output];
    std::vector<T> values(bytes / sizeof(T));
    std::memcpy(values.data(), staging.data() + offset, bytes);
    return values;
  };
  CHECK((read(0, 0.0f) == std::vector<float>{1, 2, -3.015625f, 4, 0, 0}));
  CHECK((read(1, 0.0f) == std::vector<float>{1, 4, 2, 0, -3.015625f, 0}));
  CHECK((read(2, uint16_t{}) == std::vector<uint16_t>{0x3f80, 0x4080, 0x4000, 0, 0xc041, 0}));
}

TEST(ProgramProfilesEachOp) {
  StreamFixture fixture;
  const auto program =
      fixture.stream.NewProgram(StreamFixture::Describe({{"increment", 3}, {"increment", 5}}));
  Staging staging = fixture.stream.staging().Take(program->staging_bytes());
  const std::vector<float> x{1, 2, 3, 4};
  program->CopyIn({x.data()}, staging.data());
  Ends ends;
  fixture.stream.Profile(program, staging.data(), ends.Next());
  CHECK_EQ(ends.Codes(1)[0], "");
  const auto read = [&](Span span) {
    std::vector<float> values(span.bytes / 4);
    std::memcpy(values.data(), staging.data() + span.offset, span.bytes);
    return values;
  };
  CHECK((read(program->results()[0]) == std::vector<float>{9, 10, 11, 12}));
  CHECK((read(program->op_times()) == std::vector<float>{3, 5}));
}

TEST(ProgramTimesRuns) {
  StreamFixture fixture;
  const auto program =
      fixture.stream.NewProgram(StreamFixture::Describe({{"increment", 3}, {"sleep", 2}}));
  const Span times{program->staging_bytes(), 3 * sizeof(float)};
  Staging staging = fixture.stream.staging().Take(times.offset + times.bytes);
  const std::vector<float> x{1, 2, 3, 4};
  program->CopyIn({x.data()}, staging.data());
  Ends ends;
  fixture.stream.Time(program, staging.data(), times, ends.Next());
  fixture.stream.Run(program, staging.data(), ends.Next());  // its input is uploaded again
  CHECK_EQ(ends.Codes(2)[0], "");
  float read[3];
  std::memcpy(read, staging.data() + times.offset, times.bytes);
  for (const float ms : read) CHECK(ms >= 2 && ms < 10000);
  float y[4];
  std::memcpy(y, staging.data() + program->results()[0].offset, sizeof y);
  CHECK_EQ(y[0], 4.0f);
}

TEST(ProgramCompilesAnewAfterGrowth) {
  StreamFixture fixture;
  const auto first = fixture.stream.NewProgram(StreamFixture::Describe({{"increment", 1}}));
  CHECK_EQ(fixture.stream.arena().generation(), 1u);
  CHECK_EQ(fixture.engine->compiled.load(), 1);
  CHECK((fixture.Run(first, {1, 2, 3, 4}) == std::vector<float>{2, 3, 4, 5}));
  CHECK_EQ(fixture.engine->compiled.load(), 1);

  const auto second = fixture.stream.NewProgram(StreamFixture::Describe({{"increment", 2}}, 100));
  CHECK_EQ(fixture.stream.arena().generation(), 2u);
  CHECK_EQ(fixture.stream.arena().bytes(), 400u);
  CHECK_EQ(fixture.engine->allocated.load(), 400);
  for (int repeat = 0; repeat < 2; ++repeat) {
    CHECK((fixture.Run(first, {1, 2, 3, 4}) == std::vector<float>{2, 3, 4, 5}));
    CHECK_EQ(fixture.engine->compiled.load(), 3);
  }
  CHECK_EQ(fixture.Run(second, std::vector<float>(100, 1))[99], 3.0f);
}

TEST(ProgramOutOfMemoryChangesNothing) {
  StreamFixture fixture(1000);
  const auto program = fixture.stream.NewProgram(StreamFixture::Describe({{"increment", 1}}));
  CHECK_THROWS(fixture.stream.NewProgram(StreamFixture::Describe({}, 1000)), kOutOfMemory);
  CHECK_THROWS(fixture.stream.NewArray(1001), kOutOfMemory);
  CHECK_EQ(fixture.stream.arena().bytes(), 16u);
  CHECK_EQ(fixture.stream.arena().generation(), 1u);
  CHECK((fixture.Run(program, {0, 0, 0, 0}) == std::vector<float>{1, 1, 1, 1}));
}

}  // namespace
}  // namespace bnlstm
