#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "core/host_device.h"
#include "core/portable_math.h"

namespace bnlstm {

/// Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy
/// as 1, 2, 3", SC 2011). A number is a pure function of (seed, stream, attempt, index), so any
/// engine, thread or batch order draws the same one.
struct Philox {
  uint64_t seed = 0;
  uint32_t stream = 0;   // which random quantity: unique among those of a program
  uint32_t attempt = 0;  // which training step, failed ones counted

  using Block = std::array<uint32_t, 4>;

  BNLSTM_HOST_DEVICE Block At(uint64_t counter) const {
    Block c{static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), stream, attempt};
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const uint64_t p0 = uint64_t{0xD2511F53} * c[0], p1 = uint64_t{0xCD9E8D57} * c[2];
      c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
           static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    return c;
  }

  /// Element `index` of a uniform array over [0, 1): 24 bits, exact in f32.
  BNLSTM_HOST_DEVICE float Uniform(uint64_t index) const {
    const Block block = At(index >> 2);
    // Not block[index & 3]: an index that a GPU does not know when it compiles costs memory.
    const uint32_t low = index & 1 ? block[1] : block[0], high = index & 1 ? block[3] : block[2];
    return static_cast<float>((index & 2 ? high : low) >> 8) * 0x1p-24f;
  }

  /// Element `index` of a standard normal array (Box-Muller, one value per block).
  BNLSTM_HOST_DEVICE float Normal(uint64_t index) const {
    const Block block = At(index);
    const double radius = std::sqrt(-2.0 * PortableLog(((block[0] >> 8) + 1.0) * 0x1p-24));
    return static_cast<float>(radius * PortableCosine((block[1] >> 8) * 0x1p-24));
  }
};

}  // namespace bnlstm
