#include "check.h"
#include "core/error.h"
#include "cuda/probe.h"

namespace bnlstm::cuda {
namespace {

/// A machine on which all is well.
Facts Fine() {
  Facts facts;
  facts.built = true;
  facts.architectures = {80, 86, 89, 90, 100, 120};
  facts.compiles = true;
  facts.driver_version = facts.runtime_version = 13000;
  facts.gpus = {{"NVIDIA H100 80GB HBM3", 9, 0, size_t{79} << 30, 132}};
  facts.cublas = "/usr/lib/libcublas.so.13";
  return facts;
}

Facts WithCapability(int major, int minor) {
  Facts facts = Fine();
  facts.gpus[0].major = major;
  facts.gpus[0].minor = minor;
  return facts;
}

bool Says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Nothing can be used, and both the device and the whole say so with these words.
void CheckNone(const Facts& facts, const std::string& name, const std::string& words) {
  const Verdict verdict = Explain(facts);
  CHECK_EQ(verdict.devices.size(), size_t{1});
  CHECK_EQ(verdict.devices[0].name, name);
  CHECK(!verdict.devices[0].available);
  if (!Says(verdict.devices[0].why, words) || !Says(verdict.message, words)) {
    check::Fail(__FILE__, __LINE__, verdict.devices[0].why, "; ", verdict.message);
  }
  CHECK_THROWS(Choose(verdict, "cuda"), kDevice);
}

TEST(CudaProbeFine) {
  const Verdict verdict = Explain(Fine());
  CHECK_EQ(verdict.message, "1 of 1 GPU can be used");
  CHECK_EQ(verdict.devices.size(), size_t{1});
  CHECK_EQ(verdict.devices[0].name, "cuda:0");
  CHECK(verdict.devices[0].available);
  CHECK_EQ(verdict.devices[0].why,
           "NVIDIA H100 80GB HBM3, compute capability 9.0, 79 GiB, 132 multiprocessors");
}

TEST(CudaProbeNotBuilt) { CheckNone({}, "cuda", "has no CUDA code; rebuild it"); }

TEST(CudaProbeNoDriver) {
  Facts facts = Fine();
  facts.gpus.clear();
  facts.driver_version = 0;
  facts.old_driver = true;  // the runtime's error is the same
  CheckNone(facts, "cuda", "no NVIDIA driver was found; install one for CUDA 13.0 or newer");
}

TEST(CudaProbeOldDriver) {
  Facts facts = Fine();
  facts.gpus.clear();
  facts.driver_version = 12040;
  facts.old_driver = true;
  CheckNone(facts, "cuda", "serves CUDA 12.4 at most, and this build needs 13.0");
}

TEST(CudaProbeNoDevice) {
  Facts facts = Fine();
  facts.gpus.clear();
  facts.no_device = true;
  CheckNone(facts, "cuda", "the NVIDIA driver sees no GPU");
  facts.no_device = false;  // success, with none
  CheckNone(facts, "cuda", "the NVIDIA driver sees no GPU");
}

TEST(CudaProbeOtherError) {
  Facts facts = Fine();
  facts.gpus.clear();
  facts.error = "cudaErrorSystemNotReady: system not yet initialized";
  CheckNone(facts, "cuda", "cudaErrorSystemNotReady: system not yet initialized");
}

TEST(CudaProbeNoCublas) {
  Facts facts = Fine();
  facts.cublas = "";
  facts.cublas_why = "cuBLAS was not found. Looked in: /usr/lib";
  CheckNone(facts, "cuda:0", "132 multiprocessors: cuBLAS was not found. Looked in: /usr/lib");
}

TEST(CudaProbeArchitectures) {
  for (const auto& [major, minor] :
       {std::pair(8, 0), {8, 6}, {8, 7}, {8, 9}, {9, 0}, {10, 3}, {12, 0}, {12, 1}, {13, 0}}) {
    if (!Explain(WithCapability(major, minor)).devices[0].available)
      check::Fail(__FILE__, __LINE__, major, ".", minor);
  }
  CheckNone(WithCapability(7, 5), "cuda:0",
            "too old: this build has code for compute capability 8.0");
  CheckNone(WithCapability(7, 5), "cuda:0", "12.0 and newer, and the GPU's is 7.5");
  CheckNone(WithCapability(11, 0), "cuda:0", "this build has code for compute capability 8.0, 8.6");
  CHECK(!Says(Explain(WithCapability(11, 0)).message, "too old"));
  Facts one = WithCapability(8, 0);
  one.architectures = {86};
  CheckNone(one, "cuda:0", "the GPU's is 8.0");
  one = WithCapability(12, 0);
  one.architectures = {90};
  one.compiles = false;  // as built on a machine with a Hopper GPU, for that alone
  CheckNone(one, "cuda:0", "the GPU's is 12.0");
}

TEST(CudaProbeSeveral) {
  Facts facts = Fine();
  facts.gpus.push_back({"NVIDIA T4", 7, 5, size_t{15} << 30, 40});
  facts.gpus.push_back({"NVIDIA A100", 8, 0, size_t{40} << 30, 108});
  const Verdict verdict = Explain(facts);
  CHECK_EQ(verdict.message, "2 of 3 GPUs can be used");
  CHECK_EQ(Choose(verdict, "cuda"), 0);
  CHECK_EQ(Choose(verdict, "cuda:0"), 0);
  CHECK_EQ(Choose(verdict, "cuda:2"), 2);
  CHECK_THROWS(Choose(verdict, "cuda:1"), kDevice);
  CHECK_THROWS(Choose(verdict, "cuda:7"), kDevice);
  CHECK_THROWS(Choose(verdict, "cuda:"), kDevice);
  try {
    Choose(verdict, "cuda:7");
  } catch (const Error& error) {
    CHECK_EQ(std::string(error.what()),
             "there is no device 'cuda:7'; the GPUs here are: cuda:0, cuda:1, cuda:2");
  }
}

}  // namespace
}  // namespace bnlstm::cuda
