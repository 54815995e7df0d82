#pragma once

#include <cstdint>
#include <cstring>

/// The vector layer of the CPU engine: eight f32 lanes as a GCC/Clang vector type, which every
/// target lowers to the registers it has. No fused multiply-add and no reassociation, so that the
/// portable engine gives the same bits on every machine.
namespace bnlstm::cpu {

inline constexpr int kLanes = 8;

typedef float Vec __attribute__((vector_size(32)));
typedef int32_t IVec __attribute__((vector_size(32)));

#define BNLSTM_INLINE inline __attribute__((always_inline))

BNLSTM_INLINE Vec Load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
BNLSTM_INLINE IVec Load(const int32_t* p) {
  IVec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
BNLSTM_INLINE void Store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }
/// Written as a loop: in a clone (cpu/simd/clones.h) a list of eight x becomes eight inserts.
BNLSTM_INLINE Vec Splat(float x) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = x;
  return Load(lanes);
}
/// yes where the mask's lanes are all ones, else no. Neither side is computed with the other's
/// values, so a NaN in the one not chosen does not spread.
BNLSTM_INLINE Vec Select(IVec mask, Vec yes, Vec no) {
  return reinterpret_cast<Vec>((reinterpret_cast<IVec>(yes) & mask) |
                               (reinterpret_cast<IVec>(no) & ~mask));
}
BNLSTM_INLINE Vec Keep(IVec mask, Vec v) {
  return reinterpret_cast<Vec>(reinterpret_cast<IVec>(v) & mask);
}
/// The sum of the lanes, always in this order.
BNLSTM_INLINE float Sum(Vec v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/// e^x to about 1 ulp for x in [-87, 88]; clamped beyond.
BNLSTM_INLINE Vec Exp(Vec x) {
  x = Select(x > Splat(88.0f), Splat(88.0f), x);
  x = Select(x < Splat(-87.0f), Splat(-87.0f), x);
  // n = round(x / ln 2) by adding 1.5 * 2^23; r = x - n ln 2 in two pieces, |r| <= 0.35.
  const Vec magic = Splat(12582912.0f);
  const Vec shifted = x * 1.44269504f + magic;
  const Vec n = shifted - magic;
  const Vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Vec p = Splat(1.9875691500e-4f);  // minimax polynomial of Cephes' expf
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const IVec exponent = (reinterpret_cast<IVec>(shifted) << 23) + 0x3f800000;
  return p * reinterpret_cast<Vec>(exponent);
}

BNLSTM_INLINE Vec Sigmoid(Vec x) { return 1.0f / (1.0f + Exp(-x)); }

BNLSTM_INLINE Vec Tanh(Vec x) {
  const IVec sign = reinterpret_cast<IVec>(x) & static_cast<int32_t>(0x80000000);
  const Vec a = reinterpret_cast<Vec>(reinterpret_cast<IVec>(x) ^ sign);
  const Vec large = 1.0f - 2.0f / (Exp(a + a) + 1.0f);
  const Vec z = a * a;  // below 0.625 the difference above would cancel: Cephes' tanhf
  Vec p = Splat(-5.70498872745e-3f);
  p = p * z + 2.06390887954e-2f;
  p = p * z + -5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z + -3.33332819422e-1f;
  const Vec small = p * z * a + a;
  const Vec magnitude = Select(a < Splat(0.625f), small, large);
  return reinterpret_cast<Vec>(reinterpret_cast<IVec>(magnitude) | sign);
}

}  // namespace bnlstm::cpu
