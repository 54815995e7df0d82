#include "core/bf16.h"

#include <bit>
#include <cmath>
#include <limits>

#include "check.h"

namespace bnlstm {
namespace {

uint16_t FromBits(uint32_t bits) { return ToBf16(std::bit_cast<float>(bits)); }

TEST(Bf16RoundsToNearestEven) {
  CHECK_EQ(FromBits(0x3f800000), 0x3f80);  // 1
  CHECK_EQ(FromBits(0x3f807fff), 0x3f80);  // just below the middle
  CHECK_EQ(FromBits(0x3f808000), 0x3f80);  // the middle, even below
  CHECK_EQ(FromBits(0x3f808001), 0x3f81);
  CHECK_EQ(FromBits(0x3f818000), 0x3f82);  // the middle, even above
  CHECK_EQ(FromBits(0xbf818000), 0xbf82);
  CHECK_EQ(FromBits(0x3fffc000), 0x4000);  // into the next power of two
  CHECK_EQ(FromBits(0x00000000), 0x0000);
  CHECK_EQ(FromBits(0x80000000), 0x8000);
  CHECK_EQ(FromBits(0x00018000), 0x0002);  // denormals too
}

TEST(Bf16KeepsInfinityAndNaN) {
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK_EQ(FromBf16(ToBf16(infinity)), infinity);
  CHECK_EQ(FromBf16(ToBf16(-infinity)), -infinity);
  CHECK_EQ(FromBf16(ToBf16(std::numeric_limits<float>::max())), infinity);
  // The last would carry into the sign, the one before would lose all of its bits.
  for (const uint32_t bits : {0x7fc00000u, 0xffc00000u, 0x7f800001u, 0x7fffffffu}) {
    CHECK(std::isnan(FromBf16(FromBits(bits))));
    CHECK_EQ(uint32_t{FromBits(bits)} >> 15, bits >> 31);
  }
}

TEST(Bf16HoldsEveryValueOfItsOwn) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = FromBf16(static_cast<uint16_t>(bits));
    CHECK(std::isnan(value) || ToBf16(value) == bits);
  }
}

}  // namespace
}  // namespace bnlstm
