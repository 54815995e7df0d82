#pragma once

#include <cstddef>
#include <cstdint>

namespace bnlstm {

/// to[c][r] = from[r][c] for elements of `width` bytes: between the host's [B][T]... (rows B,
/// columns T) and the device's [T][B]....
void Transpose(std::byte* to, const std::byte* from, int64_t rows, int64_t columns, size_t width);

/// The same for elements of `width` numbers, which are rounded to bf16 on the way; with one row or
/// one column nothing but rounded.
void TransposeToBf16(uint16_t* to, const float* from, int64_t rows, int64_t columns, int64_t width);
/// The same in the other direction: bf16 widened to f32.
void TransposeFromBf16(float* to, const uint16_t* from, int64_t rows, int64_t columns,
                       int64_t width);

/// Zeroes data[t][n] for t >= lengths[n]. data: [steps][batch] elements of `width` bytes.
void ZeroPadding(std::byte* data, int64_t steps, int64_t batch, size_t width,
                 const int32_t* lengths);

}  // namespace bnlstm
