#include "ops/embedding.h"

namespace bnlstm::ops {
namespace {

/// Reads the sizes off the tokens and the table (or its gradient); returns the shape of y.
template <class Op>
Shape ReadSizes(Op& self, const OpArguments& op, const char* table_key) {
  const Tensor tokens = op.Find("tokens"), table = op.Find(table_key);
  Assert(tokens.present && table.present && table.shape.size() == 2,
         op.name + " needs tokens and " + table_key + " [V][E]");
  self.tokens = op.Required("tokens", DType::kI32, tokens.shape);
  self.count = tokens.count();
  self.vocabulary = table.shape[0];
  self.width = table.shape[1];
  Shape shape = tokens.shape;
  shape.push_back(self.width);
  return shape;
}

}  // namespace

Embedding::Embedding(const OpArguments& op) {
  const Shape shape = ReadSizes(*this, op, "table");
  table = op.Required("table", DType::kF32, {vocabulary, width});
  y = op.RequiredReal("y", shape);
}

EmbeddingBackward::EmbeddingBackward(const OpArguments& op) {
  const Shape shape = ReadSizes(*this, op, "dtable");
  dy = op.RequiredReal("dy", shape);
  dtable = op.Required("dtable", DType::kF32, {vocabulary, width});
}

}  // namespace bnlstm::ops
