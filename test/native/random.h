#pragma once

#include <cstdint>
#include <vector>

#include "core/philox.h"

namespace bnlstm {

/// Random numbers one after the other, the same on every machine.
class Random {
 public:
  explicit Random(uint32_t stream) : philox_{11, stream, 0} {}
  /// Between `least` and `most`, both included.
  int64_t Between(int64_t least, int64_t most) {
    return least +
           static_cast<int64_t>(philox_.At(next_++)[0] % static_cast<uint64_t>(most - least + 1));
  }
  bool Flag() { return Between(0, 1) == 1; }
  float Normal() { return philox_.Normal(next_++); }
  double Uniform(double least, double most) {
    return least + (most - least) * static_cast<double>(philox_.At(next_++)[0]) * 0x1p-32;
  }
  std::vector<double> Normals(int64_t count, double deviation, double mean = 0) {
    std::vector<double> values(static_cast<size_t>(count));
    for (double& value : values) value = mean + deviation * static_cast<double>(Normal());
    return values;
  }
  std::vector<double> Uniforms(int64_t count, double least, double most) {
    std::vector<double> values(static_cast<size_t>(count));
    for (double& value : values) value = Uniform(least, most);
    return values;
  }

 private:
  const Philox philox_;
  uint64_t next_ = 0;
};

}  // namespace bnlstm
