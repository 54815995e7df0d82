// The Node-free test runner: bnlstm_native_test [part of a test's name]...
// or, every N-th test from the K-th: bnlstm_native_test --share K/N
// or, to compare machines: bnlstm_native_test --bits (see bits.h).
// Golden cases come from the file that BNLSTM_GOLDEN names (see export-golden.mjs). The last line
// is always `N passed, N failed`; the exit status is 1 if any failed or none ran.
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <exception>

#include "bits.h"
#include "check.h"
#include "cpu/instruction_sets.h"

namespace {

/// What a pass says nothing about: kernels that this machine cannot run.
void PrintInstructionSets() {
  for (const bnlstm::cpu::InstructionSet& set : bnlstm::cpu::InstructionSets())
    std::printf("%s cpu:%s: %s\n", set.kernels ? "runs  " : "lacks ", set.name.c_str(),
                set.why.c_str());
}

bool Wanted(const std::string& name, int count, char** parts) {
  bool wanted = count <= 1;
  for (int i = 1; i < count; ++i) wanted = wanted || name.find(parts[i]) != std::string::npos;
  return wanted;
}

/// The message of the failure, empty if there is none.
std::string Run(const check::Test& test) {
  try {
    test.body();
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

int PrintBits() {
  try {
    for (const auto& [source, lines] : bits::Sources()) {
      for (const auto& [name, hash] : lines()) {
        std::printf("%s %s %016" PRIx64 "\n", source.c_str(), name.c_str(), hash);
      }
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--bits") == 0) return PrintBits();
  size_t share = 0, shares = 1;
  if (argc == 3 && std::strcmp(argv[1], "--share") == 0) {
    if (std::sscanf(argv[2], "%zu/%zu", &share, &shares) != 2 || share >= shares) {
      std::fprintf(stderr, "--share: expected K/N with K below N, got %s\n", argv[2]);
      return 2;
    }
    argc = 1;
  }
  if (share == 0) PrintInstructionSets();
  int passed = 0, failed = 0;
  size_t index = 0;
  for (const check::Test& test : check::Tests()) {
    if (index++ % shares != share || !Wanted(test.name, argc, argv)) continue;
    const auto began = std::chrono::steady_clock::now();
    const std::string failure = Run(test);
    const double ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
    ++(failure.empty() ? passed : failed);
    std::printf("%s %s (%.0f ms)%s%s\n", failure.empty() ? "ok    " : "FAILED", test.name.c_str(),
                ms, failure.empty() ? "" : "\n       ", failure.c_str());
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 || passed == 0;
}
