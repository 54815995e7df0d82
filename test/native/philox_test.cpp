#include "core/philox.h"

#include <cmath>

#include "bits.h"
#include "check.h"

namespace bnlstm {
namespace {

Philox Make(uint32_t c2, uint32_t c3, uint32_t k0, uint32_t k1) {
  return {uint64_t{k1} << 32 | k0, c2, c3};
}

// Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
TEST(PhiloxKnownAnswers) {
  using Block = Philox::Block;
  CHECK((Make(0, 0, 0, 0).At(0) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  CHECK((Make(~0u, ~0u, ~0u, ~0u).At(~uint64_t{0}) ==
         Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  CHECK((Make(0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0).At(0x85a308d3243f6a88) ==
         Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(PhiloxDistributions) {
  const Philox random{42, 3, 1};
  const int n = 200000;
  double mean = 0, square = 0, uniform = 0;
  for (int i = 0; i < n; ++i) {
    const double x = random.Normal(i), u = random.Uniform(i);
    CHECK(u >= 0 && u < 1);
    mean += x / n;
    square += x * x / n;
    uniform += u / n;
  }
  // Four standard errors.
  CHECK(std::abs(mean) < 4 / std::sqrt(n));
  CHECK(std::abs(square - 1) < 4 * std::sqrt(2.0 / n));
  CHECK(std::abs(uniform - 0.5) < 4 * std::sqrt(1.0 / 12 / n));
}

BITS(Philox) {
  const Philox random{42, 3, 1};
  bits::Hash uniform, normal;
  for (uint64_t i = 0; i < 100000; ++i) {
    const float u = random.Uniform(i), x = random.Normal(i);
    uniform.Add(&u, 1);
    normal.Add(&x, 1);
  }
  return {{"uniform", uniform.value()}, {"normal", normal.value()}};
}

}  // namespace
}  // namespace bnlstm
