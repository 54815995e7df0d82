#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"

namespace bnlstm {

using Option = std::variant<double, bool, std::string, std::vector<double>>;

/// One op of a program with its operands bound to memory: what an engine gets. Inputs and outputs
/// share one name space (`x`, `y`, `dx`); the contract in native/ops says what each one is.
class OpArguments {
 public:
  std::string name;
  std::map<std::string, Tensor> operands;
  std::map<std::string, Option> options;

  /// The operand of that name, which must be there with this type and shape.
  Tensor Required(const std::string& key, DType dtype, const Shape& shape) const {
    Tensor tensor = Find(key);
    Assert(tensor.present, name + " lacks the operand '" + key + "'");
    Assert(tensor.dtype == dtype && tensor.shape == shape,
           name + ": the operand '" + key + "' has another type or shape");
    return tensor;
  }
  /// As Required, but may be missing: then the result is not `present`.
  Tensor Optional(const std::string& key, DType dtype, const Shape& shape) const {
    return Find(key).present ? Required(key, dtype, shape) : Tensor{};
  }
  /// An activation or its gradient: f32 or bf16, as the program's maker chose.
  Tensor RequiredReal(const std::string& key, const Shape& shape) const {
    const DType dtype = Find(key).dtype;
    Assert(dtype == DType::kF32 || dtype == DType::kBF16,
           name + ": the operand '" + key + "' must be f32 or bf16");
    return Required(key, dtype, shape);
  }
  /// The operand as it is, or one that is not `present`. For reading sizes off its shape.
  Tensor Find(const std::string& key) const {
    auto found = operands.find(key);
    return found == operands.end() ? Tensor{} : found->second;
  }
  double Number(const std::string& key) const { return Get<double>(key); }
  double Number(const std::string& key, double absent) const {
    return options.count(key) ? Get<double>(key) : absent;
  }
  bool Flag(const std::string& key) const { return options.count(key) && Get<bool>(key); }
  const std::string& Text(const std::string& key) const { return Get<std::string>(key); }
  std::string Text(const std::string& key, const char* absent) const {
    return options.count(key) ? Get<std::string>(key) : absent;
  }
  const std::vector<double>& Numbers(const std::string& key) const {
    return Get<std::vector<double>>(key);
  }

 private:
  template <class T>
  const T& Get(const std::string& key) const {
    auto found = options.find(key);
    Assert(found != options.end() && std::holds_alternative<T>(found->second),
           name + " lacks the option '" + key + "', or it has another type");
    return std::get<T>(found->second);
  }
};

}  // namespace bnlstm
