#pragma once

#include <cstdint>
#include <memory>

#include "cpu/engine.h"

namespace bnlstm::cpu {

/// `count` vectors of `length` f64 in rows, zero at first. Rows are padded with zeros, and there
/// are some more of them, so that the kernels meet whole tiles only.
class Vectors {
 public:
  Vectors(int64_t count, int64_t length);

  int64_t count() const { return count_; }
  int64_t length() const { return length_; }
  double* Row(int64_t k) const { return lines_[0].doubles + k * stride_; }

  /// Of the padded rows, in doubles.
  int64_t stride() const { return stride_; }
  int64_t padded_count() const { return padded_count_; }
  int64_t padded_length() const { return padded_length_; }

 private:
  struct alignas(64) Line {
    double doubles[8];
  };

  int64_t count_, length_, padded_count_, padded_length_, stride_;
  std::unique_ptr<Line[]> lines_;
};

/// Makes the vectors orthonormal in order: each keeps its direction away from those before it, as
/// the rows of Q where R has a positive diagonal. At most as many as they are long. The bits do not
/// depend on machine, instruction set or number of threads. Vectors that depend on those before
/// them end as zeros or noise of length 1, and NaN stays NaN; nothing loops on them. Returns early,
/// with nothing of use, once it is cancelled.
void Orthonormalize(const Vectors& vectors, const Context& context);

}  // namespace bnlstm::cpu
