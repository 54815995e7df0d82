// Bytes of `saved` on a GPU, from what the comments of cuda/bn_lstm_layout.h say, not from its code.
#include <string>

#include "check.h"
#include "cuda/engine.h"
#include "saved_bytes.h"

namespace bnlstm {
namespace {

/// Where all is kept, 22 bytes in bf16 for each (t, b, h): h, c, and two products of four gates; without
/// x Wx 14, also where all steps are one chunk; where steps run again, 6 for each state at a chunk's
/// border. Runs of the emulator have 3 steps; states are those before and after each step.
size_t Documented(const Shapes& s, const std::string& mode) {
  const int64_t value = s.bf16 ? 2 : 4, rows = Up(s.B, 8);
  const int64_t run = std::max<int64_t>(1, std::min(std::min<int64_t>(3, 512 / rows), s.T));
  const auto matrices = [&](int64_t steps, int64_t columns, int64_t bytes) {
    return Up(Up(steps, run) * rows * columns * s.H * bytes, 64);
  };
  if (mode == "chunks" && run < s.T) {
    const int64_t borders = Up(s.T, run) / run * rows * s.H;
    return static_cast<size_t>(s.R * (Up(borders * value, 64) + Up(borders * 4, 64)));
  }
  const int64_t products = s.plain || mode != "keep" ? 1 : 2;
  return static_cast<size_t>(s.R * (matrices(s.T + 1, 1, value) + matrices(s.T + 1, 1, 4) +
                                    products * matrices(s.T, 4, value)));
}

TEST(CudaSavedBytes) {
  const auto engine = cuda::MakeEngine({});
  for (const bool bf16 : {false, true})
    for (const Shapes& s :
         {Shapes{12, 8, 4, 64, 1}, Shapes{7, 5, 20, 33, 2}, Shapes{3, 32, 17, 10, 1},
          Shapes{2, 5, 3, 7, 1}, Shapes{4, 20, 50, 24, 1, false, true},
          Shapes{4, 20, 50, 24, 2, false, false, true}, Shapes{600, 64, 50, 1000, 1}}) {
      Shapes shape = s;
      shape.bf16 = bf16;
      for (const auto& [mode, options] : std::map<std::string, std::map<std::string, Option>>{
               {"keep", {}},
               {"inputs", {{"recomputeInputs", true}}},
               {"chunks", {{"recompute", 1.0}, {"recomputeInputs", true}}}}) {
        const size_t bytes = Saved(*engine, shape, options), wanted = Documented(shape, mode);
        if (bytes != wanted)
          check::Fail(__FILE__, __LINE__, bf16 ? "bf16" : "f32", ": T ", s.T, ", B ", s.B, ", H ",
                      s.H, ", R ", s.R, ", ", mode, ": saved ", bytes, " bytes, documented ",
                      wanted);
      }
    }
}

}  // namespace
}  // namespace bnlstm
