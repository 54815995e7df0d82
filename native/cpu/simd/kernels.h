#pragma once

#include "cpu/simd/block.h"
#include "cpu/simd/isa.h"
#include "cpu/simd/product.h"

namespace bnlstm::cpu {

/// What differs between f32 and bf16 models.
struct ValueKernels {
  int per_word = 1;        // values in a word of a product's operand: 2 where bf16 are multiplied
  int depth_multiple = 1;  // words to which depths are padded with zeros
  int row_multiple = 1;    // rows to which `left` and c must have memory
  bool half_blocks = false;
  void (*multiply)(const Product&) = nullptr;
  void (*forward)(const BlockForward&) = nullptr;
  void (*backward)(const BlockBackward&) = nullptr;
  void (*normalize)(const BlockNormalize&) = nullptr;
  void (*sequence_gradient)(const BlockSequenceGradient&) = nullptr;
};

/// The kernels of one instruction set.
struct Kernels {
  const char* name;  // of the device: cpu:<name>
  int lanes;
  void (*measure)(const BlockMeasure&);
  ValueKernels f32, bf16;
};

inline namespace BNLSTM_ISA {
extern const Kernels kKernels;

void MultiplyF32Words(const Product& product);
void MultiplyBf16Words(const Product& product);  // where per_word is 2
void MeasureBlock(const BlockMeasure& measure);
/// Value: F32, RoundedF32 or Bf16 of simd/value.h.
template <class Value>
void ForwardBlock(const BlockForward& block);
template <class Value>
void BackwardBlock(const BlockBackward& block);
template <class Value>
void SequenceGradientBlock(const BlockSequenceGradient& block);
/// Kept: float or uint16_t (bf16).
template <class Kept>
void NormalizeBlock(const BlockNormalize& block);
}  // namespace BNLSTM_ISA

}  // namespace bnlstm::cpu
