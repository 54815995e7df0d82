#include <algorithm>

#include "cpu/elements.h"
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
      const int64_t token = Token(op.tokens, i, op.vocabulary);
      Copy(op.y, i * op.width, op.table, token * op.width, op.width);
    }
  });
}

void Run(const ops::EmbeddingBackward& op, const Context& context) {
  // A member owns columns, so that each sum runs over all places in their order.
  const int64_t lines = (op.width + kLine - 1) / kLine;
  const double moves = static_cast<double>(kLine * (op.count + op.vocabulary));
  ParallelFor(context, lines, kMove * moves, [&](Range range) {
    const int64_t begin = range.begin * kLine, end = std::min(range.end * kLine, op.width);
    const int64_t columns = end - begin;
    Reader read(op.dy, columns);
    for (int64_t v = 0; v < op.vocabulary; ++v) {
      Zero(op.dtable, v * op.width + begin, columns);
    }
    for (int64_t i = 0; i < op.count; ++i) {
      float* sum = op.dtable.f32() + Token(op.tokens, i, op.vocabulary) * op.width + begin;
      const float* dy = read.At(i * op.width + begin, columns);
      for (int64_t e = 0; e < columns; ++e) sum[e] += dy[e];
    }
  });
}

}  // namespace bnlstm::cpu
