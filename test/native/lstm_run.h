#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/memory.h"

namespace bnlstm {

/// A BN-LSTM with everything given (native/ops/bn_lstm.h): `given` are operands by name, of
/// bnLstmPack, bnLstm and bnLstmBackward alike; `options` those of bnLstm that differ from
/// norm 'batch', statistics 'batch', inputStatistics 'step', lengthStatistics 'valid', zoneout
/// 'expect', initialState 'rows'. With population statistics the tables are given.
struct LstmCase {
  int64_t T, B, D, H, R = 1;
  bool bf16 = false;
  std::map<std::string, Option> options{};
  std::map<std::string, std::vector<double>> given{};
};

/// A case as the ops pack, forward and backward, with memory of their operands for itself. What is
/// not given begins as NaN.
class LstmRun {
 public:
  LstmRun(const LstmCase& given, std::shared_ptr<const Engine> engine);
  LstmRun(const LstmRun&) = delete;

  void Run(int threads) const;
  /// Returns early, with anything in the outputs, once the flag is set.
  void Run(int threads, const std::atomic<bool>& cancelled) const;
  std::vector<float> Values(const std::string& operand) const;
  size_t bytes(const std::string& operand) const { return memory_.at(operand).bytes(); }
  /// Of y, cAll, hT, cT, measured statistics and gradients, those that the case has.
  const std::vector<std::string>& outputs() const { return outputs_; }
  /// Pack, forward and, with dy, backward.
  const std::vector<OpArguments>& ops() const { return ops_; }

  static const std::vector<std::string> kStatistics;

 private:
  bool Has(const std::string& name) const { return case_.given.count(name) > 0; }
  std::string Text(const std::string& option) const {
    return std::get<std::string>(options_.at(option));
  }
  OpArguments Pack();
  OpArguments Forward();
  OpArguments Backward();
  OpArguments Shared(const std::string& name);
  Tensor TensorOf(const std::string& name) const;
  void Add(OpArguments& op, const std::string& name);
  void AddOutput(OpArguments& op, const std::string& name);
  void AddBlob(OpArguments& op, const std::string& name, size_t bytes);
  void AddTensor(OpArguments& op, const std::string& name, Tensor tensor);
  void Upload(const std::string& name, const Tensor& tensor);

  const LstmCase case_;
  const std::shared_ptr<const Engine> engine_;
  std::map<std::string, Option> options_;
  std::map<std::string, Memory> memory_;
  std::map<std::string, DType> types_;
  std::vector<std::string> outputs_;
  std::vector<OpArguments> ops_;
};

}  // namespace bnlstm
