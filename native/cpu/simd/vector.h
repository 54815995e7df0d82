#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/simd/isa.h"

#if defined(BNLSTM_ISA_AVX512) || defined(BNLSTM_ISA_AVX2)
#include <immintrin.h>
#endif

/// The vector layer of the CPU engine: GCC/Clang vector types, which every target lowers to the
/// registers it has, with intrinsics only for what the types cannot say (fused multiply-add,
/// minimum, reciprocal, bf16). The portable set has no fused multiply-add, so that it gives the
/// same bits on every machine. Nothing is contracted or reassociated behind our back
/// (-ffp-contract=off).
namespace bnlstm::cpu {
inline namespace BNLSTM_ISA {

typedef float Vec8 __attribute__((vector_size(32)));
typedef int32_t IVec8 __attribute__((vector_size(32)));
typedef uint32_t UVec8 __attribute__((vector_size(32)));
typedef uint16_t Bf16Vec8 __attribute__((vector_size(16)));
#ifdef BNLSTM_ISA_AVX512
typedef float Vec16 __attribute__((vector_size(64)));
typedef int32_t IVec16 __attribute__((vector_size(64)));
typedef uint32_t UVec16 __attribute__((vector_size(64)));
typedef uint16_t Bf16Vec16 __attribute__((vector_size(32)));
using Vec = Vec16;
#else
using Vec = Vec8;
#endif

template <class V>
struct VecTraits;
template <>
struct VecTraits<Vec8> {
  using Int = IVec8;
  using Word = UVec8;
  using Bf16 = Bf16Vec8;
};
#ifdef BNLSTM_ISA_AVX512
template <>
struct VecTraits<Vec16> {
  using Int = IVec16;
  using Word = UVec16;
  using Bf16 = Bf16Vec16;
};
#endif
template <class V>
using IntOf = typename VecTraits<V>::Int;
/// For sums of bits: those of a NaN overflow.
template <class V>
using WordOf = typename VecTraits<V>::Word;

template <class V>
inline constexpr int kLanesOf = sizeof(V) / sizeof(float);
inline constexpr int kLanes = kLanesOf<Vec>;

// --- Moving --------------------------------------------------------------------------------------
template <class V = Vec>
BNLSTM_INLINE V Load(const float* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V = Vec>
BNLSTM_INLINE IntOf<V> Load(const int32_t* p) {
  IntOf<V> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V>
BNLSTM_INLINE void Store(float* p, V v) {
  std::memcpy(p, &v, sizeof v);
}
/// Written as a loop: in a clone (cpu/simd/clones.h) a list of eight x becomes eight inserts.
template <class V = Vec>
BNLSTM_INLINE V Splat(float x) {
#if defined(BNLSTM_ISA_AVX512)
  if constexpr (sizeof(V) == 64) return _mm512_set1_ps(x);
#endif
#if defined(BNLSTM_ISA_AVX512) || defined(BNLSTM_ISA_AVX2)
  if constexpr (sizeof(V) == 32) return _mm256_set1_ps(x);
#endif
  float lanes[kLanesOf<V>];
  for (float& lane : lanes) lane = x;
  return Load<V>(lanes);
}

// --- Choosing ------------------------------------------------------------------------------------
/// yes where the mask's lanes are all ones, else no. Neither side is computed with the other's
/// values, so a NaN in the one not chosen does not spread.
template <class V>
BNLSTM_INLINE V Select(IntOf<V> mask, V yes, V no) {
  using Int = IntOf<V>;
  return reinterpret_cast<V>((reinterpret_cast<Int>(yes) & mask) |
                             (reinterpret_cast<Int>(no) & ~mask));
}
template <class V>
BNLSTM_INLINE V Keep(IntOf<V> mask, V v) {
  return reinterpret_cast<V>(reinterpret_cast<IntOf<V>>(v) & mask);
}
/// x within [-bound, bound]; NaN stays, since the instructions return their second operand if one is
/// NaN.
template <class V>
BNLSTM_INLINE V Clamp(V x, float bound) {
  const V high = Splat<V>(bound), low = Splat<V>(-bound);
#if defined(BNLSTM_ISA_AVX512)
  if constexpr (sizeof(V) == 64) return _mm512_max_ps(low, _mm512_min_ps(high, x));
#endif
#if defined(BNLSTM_ISA_AVX512) || defined(BNLSTM_ISA_AVX2)
  if constexpr (sizeof(V) == 32) return _mm256_max_ps(low, _mm256_min_ps(high, x));
#endif
  x = Select<V>(x > high, high, x);
  return Select<V>(x < low, low, x);
}

// --- Arithmetic ----------------------------------------------------------------------------------
/// a b + c, rounded once where the set has the instruction.
template <class V>
BNLSTM_INLINE V Fma(V a, V b, V c) {
#if defined(BNLSTM_ISA_AVX512)
  if constexpr (sizeof(V) == 64) return _mm512_fmadd_ps(a, b, c);
#endif
#if defined(BNLSTM_ISA_AVX512) || defined(BNLSTM_ISA_AVX2)
  if constexpr (sizeof(V) == 32) return _mm256_fmadd_ps(a, b, c);
#endif
  return a * b + c;
}

/// 1 / x to about 1 ulp, for normal x whose reciprocal is normal.
template <class V>
BNLSTM_INLINE V Reciprocal(V x) {
#if defined(BNLSTM_ISA_AVX512)
  if constexpr (sizeof(V) == 64) {
    const V r = _mm512_rcp14_ps(x);  // a step of Newton's method doubles its 14 bits
    return _mm512_fmadd_ps(r, _mm512_fnmadd_ps(x, r, Splat<V>(1)), r);
  }
  if constexpr (sizeof(V) == 32) {
    const V r = _mm256_rcp14_ps(x);
    return _mm256_fmadd_ps(r, _mm256_fnmadd_ps(x, r, Splat<V>(1)), r);
  }
#endif
  return 1.0f / x;
}

/// 1 / sqrt(x), correctly rounded in both steps.
template <class V>
BNLSTM_INLINE V InverseRoot(V x) {
#if defined(BNLSTM_ISA_AVX512)
  if constexpr (sizeof(V) == 64) return 1.0f / V(_mm512_sqrt_ps(x));
#endif
#if defined(BNLSTM_ISA_AVX512) || defined(BNLSTM_ISA_AVX2)
  if constexpr (sizeof(V) == 32) return 1.0f / V(_mm256_sqrt_ps(x));
#endif
  for (int lane = 0; lane < kLanesOf<V>; ++lane) x[lane] = 1.0f / __builtin_sqrtf(x[lane]);
  return x;
}

/// The sum of eight lanes, always in this order.
BNLSTM_INLINE float Sum(Vec8 v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

// --- Functions -----------------------------------------------------------------------------------
/// e^x = power (1 + rest), power being a power of two. x within [-87, 87].
template <class V>
struct Exponential {
  V power, rest;
};
template <class V>
BNLSTM_INLINE Exponential<V> SplitExp(V x) {
  // n = round(x / ln 2) by adding 1.5 * 2^23; r = x - n ln 2 in two pieces, |r| <= 0.35.
  const V magic = Splat<V>(12582912.0f);
  const V shifted = Fma<V>(x, Splat<V>(1.44269504f), magic);
  const V n = shifted - magic;
  const V r = Fma<V>(n, Splat<V>(2.12194440e-4f), Fma<V>(n, Splat<V>(-0.693359375f), x));
  V p = Splat<V>(1.9875691500e-4f);  // minimax polynomial of Cephes' expf
  p = Fma<V>(p, r, Splat<V>(1.3981999507e-3f));
  p = Fma<V>(p, r, Splat<V>(8.3334519073e-3f));
  p = Fma<V>(p, r, Splat<V>(4.1665795894e-2f));
  p = Fma<V>(p, r, Splat<V>(1.6666665459e-1f));
  p = Fma<V>(p, r, Splat<V>(5.0000001201e-1f));
  const WordOf<V> exponent = (reinterpret_cast<WordOf<V>>(shifted) << 23) + 0x3f800000u;
  return {reinterpret_cast<V>(exponent), Fma<V>(p, r * r, r)};
}

/// e^x to about 1 ulp for x in [-87, 87]; clamped beyond.
template <class V>
BNLSTM_INLINE V Exp(V x) {
  const Exponential<V> e = SplitExp<V>(Clamp<V>(x, 87.0f));
  return Fma<V>(e.power, e.rest, e.power);
}

/// To about 1e-7.
template <class V>
BNLSTM_INLINE V Sigmoid(V x) {
  const Exponential<V> e = SplitExp<V>(Clamp<V>(-x, 87.0f));
  return Reciprocal<V>(Fma<V>(e.power, e.rest, e.power + 1.0f));
}

/// (e^2x - 1) / (e^2x + 1), the numerator without cancellation: relative error about 2 ulp.
template <class V>
BNLSTM_INLINE V Tanh(V x) {
  const Exponential<V> e = SplitExp<V>(Clamp<V>(x + x, 40.0f));  // 1 in f32 from 19 on
  const V minus_one = Fma<V>(e.power, e.rest, e.power - 1.0f);
  return minus_one * Reciprocal<V>(minus_one + 2.0f);
}

// --- bf16 ----------------------------------------------------------------------------------------
/// The upper halves, rounded to nearest even; NaN stays NaN.
template <class V>
BNLSTM_INLINE typename VecTraits<V>::Bf16 ToBf16(V x) {
  using Bf16 = typename VecTraits<V>::Bf16;
#ifdef BNLSTM_ISA_AVX512_BF16
  if constexpr (sizeof(V) == 64) return reinterpret_cast<Bf16>(_mm512_cvtneps_pbh(x));
  if constexpr (sizeof(V) == 32) return reinterpret_cast<Bf16>(_mm256_cvtneps_pbh(x));
#endif
  using Int = IntOf<V>;
  using Word = WordOf<V>;
  const Word bits = reinterpret_cast<Word>(x);
  const Word rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const Word nan = reinterpret_cast<Word>(Int(x != x));
  const Word chosen = (rounded & ~nan) | (0x7fc00000u & nan);
  return __builtin_convertvector((reinterpret_cast<Int>(chosen) >> 16) & 0xffff, Bf16);
}
template <class V>
BNLSTM_INLINE V FromBf16(typename VecTraits<V>::Bf16 x) {
  return reinterpret_cast<V>(__builtin_convertvector(x, IntOf<V>) << 16);
}
template <class V>
BNLSTM_INLINE V Load(const uint16_t* p) {
  typename VecTraits<V>::Bf16 v;
  std::memcpy(&v, p, sizeof v);
  return FromBf16<V>(v);
}
template <class V>
BNLSTM_INLINE void Store(uint16_t* p, V x) {
  const typename VecTraits<V>::Bf16 v = ToBf16<V>(x);
  std::memcpy(p, &v, sizeof v);
}

}  // namespace BNLSTM_ISA
}  // namespace bnlstm::cpu
