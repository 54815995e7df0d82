#pragma once

#include <cuda_runtime.h>

#include <cstdint>

// The primitives of device/primitives.h on a GPU: all PTX and all intrinsics of this engine.
namespace bnlstm::device {

struct alignas(16) Words {
  uint32_t x, y, z, w;
};

__device__ inline int ThreadIndex() { return static_cast<int>(threadIdx.x); }
__device__ inline int ThreadCount() { return static_cast<int>(blockDim.x); }
__device__ inline int64_t BlockIndex() { return blockIdx.x; }
__device__ inline int64_t BlockCount() { return gridDim.x; }

template <class T>
__device__ inline T* SharedMemory() {
  extern __shared__ Words shared[];
  return reinterpret_cast<T*>(shared);
}

__device__ inline void SyncBlock() { __syncthreads(); }

template <class T>
__device__ inline T ShuffleXor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
template <class T>
__device__ inline T ShuffleFrom(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
__device__ inline unsigned Ballot(bool value) { return __ballot_sync(0xffffffffu, value); }
__device__ inline int PopCount(unsigned bits) { return __popc(bits); }
__device__ inline int FirstBit(unsigned bits) { return __ffs(static_cast<int>(bits)) - 1; }

__device__ inline uint32_t RoundToBf16Pair(float low, float high) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ inline uint16_t RoundToBf16(float value) {
  return static_cast<uint16_t>(RoundToBf16Pair(value, 0.0f));
}

__device__ inline void MultiplyTiles(float (&d)[4], const uint32_t (&a)[4],
                                     const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ inline uint32_t RoundToTf32(float value) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}
__device__ inline void MultiplyTf32Tiles(float (&d)[4], const uint32_t (&a)[4],
                                         const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

template <class To, class From>
__device__ inline To Same(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}
__device__ inline uint32_t BitsOf(float value) { return __float_as_uint(value); }
__device__ inline float FloatOf(uint32_t bits) { return __uint_as_float(bits); }

__device__ inline float Exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ inline float Reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ inline float InverseSquareRoot(float x) { return rsqrtf(x); }

// Four words that the blocks exchange at once. PTX promises no more than each word by itself; that a
// vector is there as soon as its first word is rests on what ptxas makes of these, one access of 128
// bits (of a load whose last words nobody uses, one of 64), and on GPUs doing such an access at once.
// `.b128` promises no more and costs ten moves a load
// (CUDA 13.0, sm_90a).
__device__ inline void LoadRelaxedIf(bool condition, const void* from, Words& v) {
  asm volatile(
      "{ .reg .pred p; setp.ne.s32 p, %5, 0;"
      " @p ld.relaxed.gpu.global.v4.b32 {%0, %1, %2, %3}, [%4]; }"
      : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)
      : "l"(from), "r"(static_cast<int>(condition))
      : "memory");
}
__device__ inline void StoreRelaxed(void* to, const Words& v) {
  asm volatile("st.relaxed.gpu.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(v.x), "r"(v.y),
               "r"(v.z), "r"(v.w)
               : "memory");
}
__device__ inline void Prefetch(const void* line) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(line));
}
__device__ inline int LoadFlag(const int* from) {
  int flag;
  asm volatile("ld.relaxed.sys.global.s32 %0, [%1];" : "=r"(flag) : "l"(from) : "memory");
  return flag;
}
__device__ inline void StoreFlag(int* to, int flag) {
  asm volatile("st.relaxed.sys.global.s32 [%0], %1;" ::"l"(to), "r"(flag) : "memory");
}
__device__ inline void SpinHint() {}
__device__ inline int64_t Nanoseconds() {
  int64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

}  // namespace bnlstm::device
