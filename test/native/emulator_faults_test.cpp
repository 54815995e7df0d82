#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "emulator_fixture.h"

// Kernels that end the process: each runs in a child.
namespace bnlstm {
namespace {

/// What `body` prints to stderr until it ends the child, which must not exit well.
template <class Body>
std::string Death(Body body) {
  int ends[2];
  CHECK_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[256];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(!(WIFEXITED(status) && WEXITSTATUS(status) == 0));
  return text;
}

template <class Kernel>
std::string DeathOf(int64_t blocks, int threads, size_t shared, Kernel kernel) {
  return Death([&] {
    const EmulatorStream stream;
    stream.Launch(blocks, threads, shared, kernel);
    stream.Synchronize();
  });
}

void CheckSays(const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos) {
    check::Fail(__FILE__, __LINE__, "'", part, "' is not in: ", text);
  }
}

TEST(EmulatorReportsDeadlocks) {
  const std::string returned = DeathOf(2, 64, 0, [] {
    if (device::ThreadIndex() != 40) device::SyncBlock();
  });
  CheckSays(returned, "deadlock");
  CheckSays(returned, "threads 0 to 39 at SyncBlock");
  CheckSays(returned, "threads 40 to 40 at its end");

  const std::string divergent = DeathOf(1, 64, 0, [] {
    if (device::ThreadIndex() < 16) {
      device::Ballot(true);
    } else {
      device::SyncBlock();
    }
  });
  CheckSays(divergent, "threads 0 to 15 at Ballot");
  CheckSays(divergent, "threads 16 to 63 at SyncBlock");

  const std::string lane = DeathOf(1, 32, 0, [] {
    if (device::ThreadIndex() != 31) device::ShuffleXor(1.0f, 1);
  });
  CheckSays(lane, "threads 0 to 30 at ShuffleXor; threads 31 to 31 at its end");
}

TEST(EmulatorReportsEndlessSpinning) {
  const std::string text = DeathOf(2, 32, 0, [] {
    if (device::BlockIndex() == 0) {
      for (;;) device::SpinHint();
    }
  });
  CheckSays(text, "deadlock");
  CheckSays(text, "block 0: threads 0 to 31 at SpinHint");
}

TEST(EmulatorHoldsSoManyBlocks) {
  // Each waits for the last one, which finds no place.
  const EmulatorArray<device::Words> words(1);
  words.Fill({});
  const auto wait_for_last = [data = words.data()] {
    if (device::BlockIndex() == device::BlockCount() - 1) device::StoreRelaxed(data, {1, 1, 1, 1});
    while (device::LoadRelaxed(data).x == 0) device::SpinHint();
  };
  const EmulatorSettings restore;
  emulator::SetSeed(0);
  emulator::SetMultiprocessors(3);
  CheckSays(DeathOf(7, 1024, 0, wait_for_last), "1 blocks have not started");
  const EmulatorStream stream;
  stream.Launch(6, 1024, 0, wait_for_last);
  stream.Synchronize();
}

TEST(EmulatorReportsMixedCollectives) {
  const std::string text = DeathOf(1, 32, 0, [] {
    if (device::ThreadIndex() % 2 == 0) {
      device::Ballot(true);
    } else {
      device::ShuffleXor(1, 1);
    }
  });
  CheckSays(text, "different collectives");
  CheckSays(text, "Ballot");
  CheckSays(text, "ShuffleXor");
}

TEST(EmulatorReportsPartialWarps) {
  const std::string text = DeathOf(1, 40, 0, [] { device::ShuffleXor(1.0f, 1); });
  CheckSays(text, "in a warp of 8 threads");
}

TEST(EmulatorReportsUnalignedWords) {
  const EmulatorArray<float> memory(8);
  CheckSays(DeathOf(1, 1, 0, [data = memory.data()] { device::LoadRelaxed(data + 1); }),
            "unaligned");
}

#ifdef BNLSTM_FIBER_ASAN
TEST(EmulatorShowsOverrunsToAddressSanitizer) {
  CheckSays(DeathOf(2, 64, 64 * sizeof(int),
                    [] { device::SharedMemory<int>()[device::ThreadIndex() + 1] = 0; }),
            "heap-buffer-overflow");
  const EmulatorArray<int> memory(5);
  CheckSays(DeathOf(1, 8, 0, [data = memory.data()] { data[device::ThreadIndex()] = 0; }),
            "heap-buffer-overflow");
  CheckSays(Death([] {
              const EmulatorStream stream;
              int* memory = nullptr;
              cudaMallocAsync(&memory, sizeof(int), stream);
              cudaFreeAsync(memory, stream);
              stream.Launch(1, 1, 0, [=] { *memory = 1; });
              stream.Synchronize();
            }),
            "heap-use-after-free");
}
#endif

TEST(EmulatorShowsStackOverflows) {
  const std::string text = DeathOf(1, 1, 0, [] {
    volatile char large[1 << 20];
    for (size_t i = sizeof large; i > 0; i -= 512) large[i - 1] = 0;
  });
  (void)text;  // a signal is enough
}

}  // namespace
}  // namespace bnlstm
