// Bytes of `saved`, from what the comments of cpu/bn_lstm_steps.h say, not from its code: they are
// what decides how long a sequence a machine can train on.
#include <string>

#include "check.h"
#include "cpu/engine.h"
#include "emulated_amx.h"
#include "saved_bytes.h"

namespace bnlstm {
namespace {

/// Sets have 8 or 16 lanes, and a last block may be half of 16; bf16 are stored as such where the
/// set multiplies them (else as f32 that were rounded), for AMX in whole tiles.
size_t Documented(const std::string& device, const Shapes& s) {
  const bool pairs = device == "cpu:avx512bf16" || device == "cpu:amx";
  const bool tiles = device == "cpu:amx" && s.bf16;
  const int64_t lanes = device == "cpu:portable" || device == "cpu:avx2" ? 8 : 16;
  const int64_t units = Up(s.H, lanes == 16 && !tiles ? 8 : lanes);
  const int64_t rows = tiles ? Up(s.B, 16) : s.B;
  // An operand of products: f32 words, or pairs of bf16, tiles of sixteen such.
  const int64_t h_values = s.bf16 && pairs ? 2 * (tiles ? Up(units, 32) : units) : 4 * units;
  // Rows on cache lines, but not a multiple of a page apart.
  const int64_t h_lines = Up(h_values, 64), h_bytes = h_lines + (h_lines % 4096 == 0 ? 64 : 0);
  const int64_t kept = s.T * s.B * units * (s.bf16 ? 8 : 16);
  int64_t bytes = Up((s.T + 1) * rows * h_bytes, 64);  // h of each state, and the first
  bytes += Up((s.T + 1) * s.B * units * 4, 64);        // c likewise
  bytes += Up(kept, 64);                               // h Wh; with norm 'none' h Wh + x Wx
  if (!s.plain && !s.tokens && s.D > 16) bytes += Up(kept, 64);  // x Wx
  return static_cast<size_t>(s.R * bytes);
}

TEST(SavedBytes) {
  std::vector<std::shared_ptr<Engine>> engines;
  for (const cpu::InstructionSet& set : cpu::InstructionSets())
    if (set.kernels) engines.push_back(cpu::MakeEngine(*set.kernels));
  if (const cpu::Kernels* emulated = EmulatedAmx()) engines.push_back(cpu::MakeEngine(*emulated));
  for (const auto& engine : engines)
    for (const bool bf16 : {false, true})
      for (const Shapes& s :
           {Shapes{5, 3, 4, 6, 1}, Shapes{7, 17, 20, 33, 2}, Shapes{3, 32, 16, 100, 1},
            Shapes{3, 32, 17, 100, 1}, Shapes{1, 1, 50, 1, 2}, Shapes{9, 16, 64, 48, 1},
            Shapes{4, 20, 50, 24, 1, false, true}, Shapes{4, 20, 50, 24, 2, false, false, true},
            Shapes{100, 64, 50, 1000, 1}, Shapes{2, 4, 1, 1024, 1}}) {
        Shapes shape = s;
        shape.bf16 = bf16;
        const size_t bytes = Saved(*engine, shape), wanted = Documented(engine->name(), shape);
        if (bytes != wanted)
          check::Fail(__FILE__, __LINE__, engine->name(), bf16 ? " bf16" : " f32", ": T ", s.T,
                      ", B ", s.B, ", D ", s.D, ", H ", s.H, ", R ", s.R, ": saved ", bytes,
                      " bytes, documented ", wanted);
      }
}

}  // namespace
}  // namespace bnlstm
