#include "core/stream.h"

#include <thread>

#include "stream_fixture.h"

namespace bnlstm {
namespace {

using Codes = std::vector<std::string>;

void AwaitHang(const FakeEngine& engine) {
  while (!engine.hanging) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST(StreamRunsInOrder) {
  StreamFixture fixture;
  const auto array = fixture.stream.NewArray(16);
  Ends ends;
  float zero = 0, results[200];
  ProgramDescription description;
  description.ops = {StreamFixture::Op("increment", 1, {array, 4}, 1)};
  const auto program = fixture.stream.NewProgram(description);
  const auto bytes = [](float* value) { return reinterpret_cast<std::byte*>(value); };
  fixture.stream.Write(array, 4, bytes(&zero), 4, ends.Next());
  for (float& result : results) {
    fixture.stream.Run(program, nullptr, ends.Next());
    fixture.stream.Read(array, 4, bytes(&result), 4, ends.Next());
  }
  ends.Codes(401);
  for (int i = 0; i < 200; ++i) CHECK_EQ(results[i], static_cast<float>(i + 1));
}

TEST(StreamFreesArraysAfterWhatIsQueued) {
  StreamFixture fixture;
  const int64_t alive = Alive::arrays;
  auto array = fixture.stream.NewArray(8);
  Ends ends;
  float value = 0;
  ProgramDescription description;
  description.ops = {StreamFixture::Op("sleep", 20, {array, 0}, 2),
                     StreamFixture::Op("increment", 3, {array, 0}, 2)};
  const auto program = fixture.stream.NewProgram(description);
  fixture.stream.Run(program, nullptr, ends.Next());
  fixture.stream.Read(array, 4, reinterpret_cast<std::byte*>(&value), 4, ends.Next());
  fixture.stream.Dispose(array);
  fixture.stream.Dispose(array);
  CHECK(array->disposed());
  CHECK(!program->Usable());
  CHECK_EQ(Alive::arrays.load(), alive + 1);
  fixture.stream.Run(fixture.stream.NewProgram({}), nullptr, ends.Next());
  CHECK((ends.Codes(3) == Codes{"", "", ""}));
  CHECK_EQ(value, 3.0f);
  CHECK_EQ(Alive::arrays.load(), alive);
  CHECK_EQ(fixture.engine->allocated.load(), 0);
}

TEST(StreamIsPoisonedByAFault) {
  StreamFixture fixture, other;
  Ends ends;
  const auto good = fixture.stream.NewProgram({});
  const auto bad = fixture.stream.NewProgram(StreamFixture::Describe({{"fail", 0}}));
  Staging staging = fixture.stream.staging().Take(bad->staging_bytes());
  const auto array = fixture.stream.NewArray(4);
  float value = 0;
  fixture.stream.Run(good, nullptr, ends.Next());
  fixture.stream.Run(bad, staging.data(), ends.Next());
  fixture.stream.Run(good, nullptr, ends.Next());
  fixture.stream.Write(array, 0, reinterpret_cast<std::byte*>(&value), 4, ends.Next());
  fixture.stream.Dispose(array);
  CHECK((ends.Codes(4) == Codes{"", kInternal, kPoisoned, kPoisoned}));
  CHECK(ends.Message(1).find("op 'fail'") != std::string::npos);
  CHECK(ends.Message(3).find("op 'fail'") != std::string::npos);
  CHECK(ends.Message(3).find(kInternal) != std::string::npos);
  const auto untouched = other.stream.NewProgram(StreamFixture::Describe({{"increment", 1}}));
  CHECK_EQ(other.Run(untouched, {0, 0, 0, 0})[0], 1.0f);
}

TEST(StreamCloseCancels) {
  const int64_t streams = Alive::streams, arrays = Alive::arrays, bytes = Alive::bytes;
  StreamFixture fixture;
  Ends ends;
  const auto hang = fixture.stream.NewProgram(StreamFixture::Describe({{"hang", 0}}));
  const auto array = fixture.stream.NewArray(100);
  Staging staging = fixture.stream.staging().Take(hang->staging_bytes());
  fixture.stream.Run(hang, staging.data(), ends.Next());
  fixture.stream.Run(hang, staging.data(), ends.Next());
  fixture.stream.Read(array, 0, staging.data(), 4, ends.Next());
  fixture.stream.Dispose(fixture.stream.NewArray(4));
  AwaitHang(*fixture.engine);
  const auto began = std::chrono::steady_clock::now();
  fixture.stream.Close();
  fixture.stream.Close();
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
  CHECK((ends.Codes(3) == Codes{kDisposed, kDisposed, kDisposed}));
  CHECK_EQ(fixture.engine->in_flight.load(), 0);  // what was started is waited for
  CHECK(array->disposed());
  CHECK_EQ(fixture.engine->allocated.load(), 0);
  CHECK_EQ(Alive::streams.load(), streams);
  CHECK_EQ(Alive::arrays.load(), arrays);
  CHECK_EQ(Alive::bytes.load(), bytes);
  CHECK_THROWS(fixture.stream.Run(hang, staging.data(), ends.Next()), kDisposed);
}

TEST(StreamDrainsBeforeTheArenaGrows) {
  StreamFixture fixture;
  Ends ends;
  const auto slow =
      fixture.stream.NewProgram(StreamFixture::Describe({{"sleep", 20}, {"increment", 1}}));
  std::vector<Staging> staging;
  for (int i = 0; i < 3; ++i) {
    const float values[4] = {0, 0, 0, static_cast<float>(i)};
    slow->CopyIn({values},
                 staging.emplace_back(fixture.stream.staging().Take(slow->staging_bytes())).data());
    fixture.stream.Run(slow, staging.back().data(), ends.Next());
  }
  fixture.stream.NewProgram(StreamFixture::Describe({}, 50));
  CHECK((ends.Codes(3) == Codes{"", "", ""}));
  for (int i = 0; i < 3; ++i) {
    float values[4];
    std::memcpy(values, staging[static_cast<size_t>(i)].data() + slow->results()[0].offset, 16);
    CHECK_EQ(values[3], static_cast<float>(i + 1));
  }
}

TEST(StreamPlansAllMemoryOrNone) {
  StreamFixture fixture(1000);
  fixture.engine->copies_limit = 64;
  const auto small = fixture.stream.NewProgram(StreamFixture::Describe({{"increment", 1}}));
  CHECK((fixture.engine->reserved == std::vector<size_t>{16, 16}));
  const uint64_t generation = fixture.stream.arena().generation();
  const int64_t allocated = fixture.engine->allocated;
  // The arena would fit, the copies do not; then the other way round.
  CHECK_THROWS(fixture.stream.NewProgram(StreamFixture::Describe({}, 50)), kOutOfMemory);
  fixture.engine->copies_limit = SIZE_MAX;
  CHECK_THROWS(fixture.stream.NewProgram(StreamFixture::Describe({}, 500)), kOutOfMemory);
  CHECK((fixture.engine->reserved == std::vector<size_t>{16, 16}));
  CHECK_EQ(fixture.stream.arena().bytes(), size_t{16});
  CHECK_EQ(fixture.stream.arena().generation(), generation);
  CHECK_EQ(fixture.engine->allocated.load(), allocated);
  CHECK_EQ(fixture.Run(small, {0, 1, 2, 3})[3], 4.0f);
}

// Several streams at once, each fed by its owner and by two more threads, while the owner grows
// the arena.
TEST(StreamStress) {
  std::vector<std::thread> owners;
  std::atomic<int> wrong{0};
  for (int owner = 0; owner < 3; ++owner) {
    owners.emplace_back([&wrong] {
      StreamFixture fixture;
      Ends ends;
      const auto array = fixture.stream.NewArray(8);
      ProgramDescription description;
      description.ops = {StreamFixture::Op("increment", 1, {array, 0}, 2)};
      const auto program = fixture.stream.NewProgram(description);
      const int runs = 300;
      std::vector<std::thread> feeders;
      for (int feeder = 0; feeder < 2; ++feeder) {
        feeders.emplace_back([&] {
          for (int i = 0; i < runs; ++i) fixture.stream.Run(program, nullptr, ends.Next());
        });
      }
      for (int64_t i = 1; i <= 30; ++i) {
        fixture.stream.Run(program, nullptr, ends.Next());
        const auto grown =
            fixture.stream.NewProgram(StreamFixture::Describe({{"increment", 5}}, i * 10));
        std::vector<float> values(static_cast<size_t>(i) * 10, 1.0f);
        if (fixture.Run(grown, values).back() != 6.0f) ++wrong;
      }
      for (std::thread& feeder : feeders) feeder.join();
      float sum[2];
      fixture.stream.Read(array, 0, reinterpret_cast<std::byte*>(sum), 8, ends.Next());
      const size_t jobs = 2 * runs + 31;
      if (ends.Codes(jobs) != Codes(jobs, "")) ++wrong;
      if (sum[0] != 2 * runs + 30 || sum[1] != sum[0]) ++wrong;
    });
  }
  for (std::thread& owner : owners) owner.join();
  CHECK_EQ(wrong.load(), 0);
}

TEST(StreamCyclesLeaveNothing) {
  const int64_t bytes = Alive::bytes, streams = Alive::streams;
  const auto engine = std::make_shared<FakeEngine>();
  for (int i = 0; i < 200; ++i) {
    Stream stream(engine, 0);
    const auto array = stream.NewArray(64);
    const auto program = stream.NewProgram(StreamFixture::Describe({{"increment", 1}}));
    Staging staging = stream.staging().Take(program->staging_bytes());
    Ends ends;
    stream.Run(program, staging.data(), ends.Next());
    if (i % 2) ends.Codes(1);
    stream.Close();
    ends.Codes(1);
  }
  CHECK_EQ(engine->allocated.load(), 0);
  CHECK_EQ(Alive::bytes.load(), bytes);
  CHECK_EQ(Alive::streams.load(), streams);
}

}  // namespace
}  // namespace bnlstm
