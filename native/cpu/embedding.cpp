#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/parallel.h"

namespace bnlstm::cpu {
namespace {

constexpr int64_t kLine = 16;  // numbers in a cache line: no two members write the same one

int64_t Token(const Tensor& tokens, int64_t place, int64_t vocabulary) {
  const int64_t token = tokens.i32()[place];
  Assert(token >= 0 && token < vocabulary, "a token id lies outside the vocabulary");
  return token;
}

}  // namespace

void Run(const ops::Embedding& op, const Context& context) {
  ParallelFor(context, op.count, kMove * static_cast<double>(op.width), [&](Range range) {
    for (int64_t i = range.begin; i < range.end; ++i) {
      const float* from = op.table.f32() + Token(op.tokens, i, op.vocabulary) * op.width;
      std::copy(from, from + op.width, op.y.f32() + i * op.width);
    }
  });
}

void Run(const ops::EmbeddingBackward& op, const Context& context) {
  // A member owns columns, so that each sum runs over all places in their order.
  const int64_t lines = (op.width + kLine - 1) / kLine;
  const double moves = static_cast<double>(kLine * (op.count + op.vocabulary));
  ParallelFor(context, lines, kMove * moves, [&](Range range) {
    const int64_t begin = range.begin * kLine, end = std::min(range.end * kLine, op.width);
    for (int64_t v = 0; v < op.vocabulary; ++v) {
      float* row = op.dtable.f32() + v * op.width;
      std::fill(row + begin, row + end, 0.0f);
    }
    for (int64_t i = 0; i < op.count; ++i) {
      float* row = op.dtable.f32() + Token(op.tokens, i, op.vocabulary) * op.width;
      const float* dy = op.dy.f32() + i * op.width;
      for (int64_t e = begin; e < end; ++e) row[e] += dy[e];
    }
  });
}

}  // namespace bnlstm::cpu
