// How far the vector functions of every instruction set are from double precision. The limits are
// what was measured, rounded up: Exp, Sigmoid and Tanh enter every result.
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "core/bf16.h"
#include "cpu/instruction_sets.h"
#include "simd/vector_functions.h"

namespace bnlstm {
namespace cpu {
inline namespace portable {
extern const VectorProbe kVectorProbe;
}
#ifdef BNLSTM_X86_KERNELS
namespace avx2 {
extern const VectorProbe kVectorProbe;
}
namespace avx512 {
extern const VectorProbe kVectorProbe;
}
namespace avx512bf16 {
extern const VectorProbe kVectorProbe;
}
#endif
}  // namespace cpu

namespace {

using cpu::VectorFunctions;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Named {
  std::string name;
  const VectorFunctions& functions;
};

std::vector<Named> Functions() {
  std::vector<Named> all;
  for (const cpu::InstructionSet& set : cpu::InstructionSets()) {
    const cpu::VectorProbe* probe = set.name == "portable" ? &cpu::portable::kVectorProbe : nullptr;
#ifdef BNLSTM_X86_KERNELS
    if (set.name == "avx2") probe = &cpu::avx2::kVectorProbe;
    if (set.name == "avx512") probe = &cpu::avx512::kVectorProbe;
    if (set.name == "avx512bf16") probe = &cpu::avx512bf16::kVectorProbe;
#endif
    if (!set.kernels || !probe) continue;  // cpu:amx has those of avx512bf16
    all.push_back({set.name, probe->whole});
    if (probe->half.lanes != probe->whole.lanes) all.push_back({set.name + " half", probe->half});
  }
  return all;
}

/// Numbers of all sizes and both signs, infinities, NaN, denormals; and many between -90 and 90.
const std::vector<float>& Numbers() {
  static const std::vector<float> numbers = [] {
    std::vector<float> x;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 20011)
      x.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    for (int i = -90 * 1024; i <= 90 * 1024; ++i)
      x.push_back(static_cast<float>(i) / 1024 * 0.9993f);
    for (const float special :
         {0.0f, -0.0f, kInfinity, -kInfinity, 1.0f, -1.0f, 87.0f, -87.0f,
          std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest(),
          std::numeric_limits<float>::min(), std::numeric_limits<float>::denorm_min()})
      x.push_back(special);
    for (const uint32_t nan : {0x7fc00000u, 0xffc00000u, 0x7f800001u, 0xff800001u, 0x7fffffffu})
      x.push_back(std::bit_cast<float>(nan));
    while (x.size() % 16 != 0) x.push_back(0.5f);
    return x;
  }();
  return numbers;
}

std::vector<float> Apply(VectorFunctions::Function function) {
  std::vector<float> y(Numbers().size());
  function(Numbers().data(), y.data(), static_cast<int64_t>(y.size()));
  return y;
}

/// The distance to the next f32 at that size; for denormals that of the least normal number.
double Ulp(double size) {
  int exponent;
  std::frexp(std::max(std::abs(size), 0x1p-126), &exponent);
  return std::ldexp(1.0, exponent - 24);
}

enum class Measure { kAbsolute, kUlps };

/// `function` of every set is within `limit` of `exact` for the numbers that `covers`, and NaN for
/// NaN alone.
void CheckFunction(const char* what, VectorFunctions::Function VectorFunctions::*function,
                   const std::function<double(double)>& exact,
                   const std::function<bool(float)>& covers, Measure measure, double limit) {
  std::vector<double> wanted;
  for (const float x : Numbers()) wanted.push_back(exact(static_cast<double>(x)));
  for (const Named& set : Functions()) {
    const std::vector<float> y = Apply(set.functions.*function);
    double largest = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      const float x = Numbers()[i];
      if (std::isnan(x) != std::isnan(y[i]) && (std::isnan(x) || covers(x)))
        check::Fail(__FILE__, __LINE__, set.name, ": ", what, " of ", x, " is ", y[i]);
      if (std::isnan(x) || !covers(x)) continue;
      const double error = std::abs(static_cast<double>(y[i]) - wanted[i]) /
                           (measure == Measure::kUlps ? Ulp(wanted[i]) : 1);
      if (!(error <= limit))
        check::Fail(__FILE__, __LINE__, set.name, ": ", what, " of ", x, " is ", y[i],
                    ", expected ", wanted[i], ": off by ", error, ", allowed ", limit);
      largest = std::max(largest, error);
    }
    // For whoever changes a function, and then the limits.
    if (std::getenv("BNLSTM_MEASURE"))
      std::printf("       %s: %s: %.4g\n", set.name.c_str(), what, largest);
  }
}

bool Within(float x, float least, float most) { return x >= least && x <= most; }
bool Always(float) { return true; }

TEST(VectorExp) {
  CheckFunction(
      "exp", &VectorFunctions::exp, [](double x) { return std::exp(x); },
      [](float x) { return Within(x, -87, 87); }, Measure::kUlps, 1);
  const double bound = std::exp(87.0);  // and beyond it stays there
  for (const Named& set : Functions()) {
    const std::vector<float> y = Apply(set.functions.exp);
    for (size_t i = 0; i < y.size(); ++i) {
      const float x = Numbers()[i];
      if (std::abs(x) < 87 || std::isnan(x)) continue;
      const double wanted = x > 0 ? bound : 1 / bound;
      CHECK(std::abs(static_cast<double>(y[i]) - wanted) <= Ulp(wanted));
    }
  }
}

TEST(VectorSigmoid) {
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  CheckFunction("sigmoid", &VectorFunctions::sigmoid, sigmoid, Always, Measure::kAbsolute, 9e-8);
  CheckFunction(
      "sigmoid in ulps", &VectorFunctions::sigmoid, sigmoid, [](float x) { return x >= -87; },
      Measure::kUlps, 2.5);
  for (const Named& set : Functions()) {
    const std::vector<float> y = Apply(set.functions.sigmoid);
    for (size_t i = 0; i < y.size(); ++i) {
      const float x = Numbers()[i];
      if (x >= 17) CHECK_EQ(y[i], 1.0f);
      if (!std::isnan(x)) CHECK(y[i] > 0.0f && y[i] <= 1.0f);
    }
  }
}

TEST(VectorTanh) {
  const auto tanh = [](double x) { return std::tanh(x); };
  CheckFunction("tanh", &VectorFunctions::tanh, tanh, Always, Measure::kAbsolute, 1.8e-7);
  CheckFunction(
      "tanh in ulps", &VectorFunctions::tanh, tanh,
      [](float x) { return std::abs(x) >= 0x1p-126f; }, Measure::kUlps, 3);
  for (const Named& set : Functions()) {
    const std::vector<float> y = Apply(set.functions.tanh);
    for (size_t i = 0; i < y.size(); ++i) {
      const float x = Numbers()[i];
      if (std::abs(x) >= 20) CHECK_EQ(y[i], std::copysign(1.0f, x));  // before, 1 - 2^-24 too
      if (x == 0) CHECK_EQ(y[i], 0.0f);
      if (!std::isnan(x)) CHECK(std::abs(y[i]) <= 1.0f);
    }
  }
}

TEST(VectorReciprocals) {
  CheckFunction(
      "1 / x", &VectorFunctions::reciprocal, [](double x) { return 1 / x; },
      [](float x) { return Within(std::abs(x), 0x1p-126f, 0x1p126f); }, Measure::kUlps, 0.6);
  CheckFunction(
      "1 / sqrt(x)", &VectorFunctions::inverse_root, [](double x) { return 1 / std::sqrt(x); },
      [](float x) { return Within(x, 0x1p-126f, std::numeric_limits<float>::max()); },
      Measure::kUlps, 1.5);
}

TEST(VectorBf16) {
  std::vector<uint16_t> all(0x10000);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  for (const Named& set : Functions()) {
    std::vector<uint16_t> halves(Numbers().size());
    set.functions.to_bf16(Numbers().data(), halves.data(), static_cast<int64_t>(halves.size()));
    for (size_t i = 0; i < halves.size(); ++i) {
      const float x = Numbers()[i];
      if (std::isnan(x) ? std::isnan(FromBf16(halves[i])) : halves[i] == ToBf16(x)) continue;
      // The instruction takes denormal numbers for zero.
      if (std::abs(x) < 0x1p-126f && (halves[i] & 0x7fff) == 0) continue;
      check::Fail(__FILE__, __LINE__, set.name, ": bf16 of ", x, " is ", FromBf16(halves[i]));
    }
    std::vector<float> words(all.size());
    set.functions.from_bf16(all.data(), words.data(), static_cast<int64_t>(all.size()));
    for (size_t i = 0; i < words.size(); ++i)
      CHECK_EQ(std::bit_cast<uint32_t>(words[i]), static_cast<uint32_t>(i << 16));
  }
}

}  // namespace
}  // namespace bnlstm
