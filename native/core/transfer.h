#pragma once

#include <cstddef>
#include <cstdint>

namespace bnlstm {

/// to[c][r] = from[r][c] for elements of `width` bytes: between the host's [B][T]... (rows B,
/// columns T) and the device's [T][B]....
void Transpose(std::byte* to, const std::byte* from, int64_t rows, int64_t columns, size_t width);

/// Zeroes data[t][n] for t >= lengths[n]. data: [steps][batch] elements of `width` bytes.
void ZeroPadding(std::byte* data, int64_t steps, int64_t batch, size_t width,
                 const int32_t* lengths);

}  // namespace bnlstm
