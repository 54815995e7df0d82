#pragma once

#include "core/op.h"

namespace bnlstm::ops {

/// y = table[token]. tokens [...] i32, every id in [0, V); table [V][E] f32;
/// y [...][E], f32 or bf16 (rounded).
struct Embedding {
  int64_t count = 0, vocabulary = 0, width = 0;
  Tensor tokens, table, y;
  explicit Embedding(const OpArguments& op);
};

/// dtable[v] = sum of dy over the places where the token is v, in their order; zero elsewhere.
/// dy f32 or bf16; dtable f32.
struct EmbeddingBackward {
  int64_t count = 0, vocabulary = 0, width = 0;
  Tensor tokens, dy, dtable;
  explicit EmbeddingBackward(const OpArguments& op);
};

}  // namespace bnlstm::ops
