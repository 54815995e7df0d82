#include "lstm_run.h"

#include <atomic>
#include <cstring>

#include "check.h"
#include "core/bf16.h"

namespace bnlstm {

const std::vector<std::string> LstmRun::kStatistics = {"recurrentMean", "recurrentVar", "inputMean",
                                                       "inputVar",      "cellMean",     "cellVar"};

LstmRun::LstmRun(const LstmCase& given, std::shared_ptr<const Engine> engine)
    : case_(given),
      engine_(std::move(engine)),
      options_{{"hidden", static_cast<double>(given.H)},
               {"directions", static_cast<double>(given.R)},
               {"vocabulary", static_cast<double>(given.D)},
               {"tokens", given.given.count("tokens") > 0},
               {"dtype", given.bf16 ? "bf16" : "f32"},
               {"norm", "batch"},
               {"statistics", "batch"},
               {"inputStatistics", "step"},
               {"lengthStatistics", "valid"},
               {"initialState", "rows"},
               {"zoneout", "expect"},
               {"eps", 1e-5}} {
  for (const auto& [name, value] : given.options) options_[name] = value;
  ops_ = {Pack(), Forward()};
  if (Has("dy")) ops_.push_back(Backward());
}

void LstmRun::Run(int threads) const {
  const std::atomic<bool> cancelled{false};
  Run(threads, cancelled);
}

void LstmRun::Run(int threads, const std::atomic<bool>& cancelled) const {
  engine_->Compile(ops_)->Run({threads, &cancelled});
}

std::vector<float> LstmRun::Values(const std::string& operand) const {
  const Memory& memory = memory_.at(operand);
  const bool half = types_.at(operand) == DType::kBF16;
  std::vector<float> values(memory.bytes() / (half ? 2 : 4));
  std::vector<uint16_t> halves(half ? values.size() : 0);
  engine_->Download(half ? static_cast<void*>(halves.data()) : values.data(), memory.data(),
                    memory.bytes());
  for (size_t i = 0; i < halves.size(); ++i) values[i] = FromBf16(halves[i]);
  return values;
}

OpArguments LstmRun::Pack() {
  OpArguments op{"bnLstmPack", {}, {{"tokens", Has("tokens")}, {"dtype", options_.at("dtype")}}};
  Add(op, "wx");
  Add(op, "wh");
  op.operands["packed"] = {DType::kU8, {0}, nullptr, true};
  AddBlob(op, "packed", engine_->Sizes(op).packed);
  return op;
}

OpArguments LstmRun::Forward() {
  OpArguments op = Shared("bnLstm");
  for (const char* name : {"y", "cAll", "hT", "cT"}) AddOutput(op, name);
  op.operands["saved"] = {DType::kU8, {0}, nullptr, true};
  const OpSizes sizes = engine_->Sizes(op);
  AddBlob(op, "saved", sizes.saved);
  AddBlob(op, "scratch", sizes.scratch);
  return op;
}

OpArguments LstmRun::Backward() {
  OpArguments op = Shared("bnLstmBackward");
  for (const char* name : {"dy", "dhT", "dcT"})
    if (Has(name)) Add(op, name);
  for (const char* name : {"dwx", "dwh", "db", "dh0", "dc0"}) AddOutput(op, name);
  for (const char* name : {"gammaX", "gammaH", "gammaC", "betaC"})
    if (Has(name)) AddOutput(op, std::string("d") + name);
  if (!Has("tokens")) AddOutput(op, "dx");
  AddBlob(op, "saved", memory_.at("saved").bytes());
  AddBlob(op, "scratch", engine_->Sizes(op).scratch);
  return op;
}

OpArguments LstmRun::Shared(const std::string& name) {
  OpArguments op{name, {}, options_};
  AddBlob(op, "packed", memory_.at("packed").bytes());
  for (const char* operand : {"x", "tokens", "b", "gammaX", "gammaH", "gammaC", "betaC", "h0", "c0",
                              "lengths", "firstStep", "attempt"})
    if (Has(operand)) Add(op, operand);
  if (Text("norm") == "none") return op;
  for (const std::string& operand : kStatistics) {
    if (Text("statistics") == "population" || name != "bnLstm") {
      Add(op, operand);
    } else {
      AddOutput(op, operand);
    }
  }
  return op;
}

/// The type and shape of an operand.
Tensor LstmRun::TensorOf(const std::string& name) const {
  const auto& [T, B, D, H, R, bf16, options, given] = case_;
  const DType real = bf16 ? DType::kBF16 : DType::kF32, f32 = DType::kF32, i32 = DType::kI32;
  const Shape state = Text("initialState") == "learned" ? Shape{R * H} : Shape{B, R * H};
  int64_t S = T;
  if (Text("statistics") == "population")
    S = static_cast<int64_t>(given.at("cellMean").size()) / (R * H);
  const int64_t U = Text("inputStatistics") == "sequence" ? 1 : S;
  const std::map<std::string, std::pair<DType, Shape>> operands{
      {"wx", {f32, {R, D, 4 * H}}},
      {"wh", {f32, {R, H, 4 * H}}},
      {"b", {f32, {R, 4 * H}}},
      {"gammaX", {f32, {R, 4 * H}}},
      {"gammaH", {f32, {R, 4 * H}}},
      {"gammaC", {f32, {R, H}}},
      {"betaC", {f32, {R, H}}},
      {"h0", {f32, state}},
      {"c0", {f32, state}},
      {"x", {real, {T, B, D}}},
      {"tokens", {i32, {T, B}}},
      {"lengths", {i32, {B}}},
      {"firstStep", {i32, {B}}},
      {"attempt", {i32, {1}}},
      {"recurrentMean", {f32, {R, S, 4 * H}}},
      {"recurrentVar", {f32, {R, S, 4 * H}}},
      {"inputMean", {f32, {R, U, 4 * H}}},
      {"inputVar", {f32, {R, U, 4 * H}}},
      {"cellMean", {f32, {R, S, H}}},
      {"cellVar", {f32, {R, S, H}}},
      {"y", {real, {T, B, R * H}}},
      {"cAll", {f32, {T, B, R * H}}},
      {"hT", {real, {B, R * H}}},
      {"cT", {f32, {B, R * H}}},
  };
  auto found = operands.find(name);
  if (found == operands.end()) found = operands.find(name.substr(1));  // d: its gradient
  return {found->second.first, found->second.second, nullptr, true};
}

void LstmRun::Add(OpArguments& op, const std::string& name) { AddTensor(op, name, TensorOf(name)); }

void LstmRun::AddOutput(OpArguments& op, const std::string& name) {
  outputs_.push_back(name);
  Add(op, name);
}

void LstmRun::AddBlob(OpArguments& op, const std::string& name, size_t bytes) {
  AddTensor(op, name, {DType::kU8, {static_cast<int64_t>(bytes)}, nullptr, true});
}

/// Ops share what has one name, but for their scratch.
void LstmRun::AddTensor(OpArguments& op, const std::string& name, Tensor tensor) {
  const std::string key = name == "scratch" ? op.name + name : name;
  const auto [memory, fresh] = memory_.try_emplace(key, engine_, tensor.bytes());
  CHECK_EQ(memory->second.bytes(), tensor.bytes());
  tensor.data = memory->second.data();
  types_[key] = tensor.dtype;
  op.operands[name] = tensor;
  if (!fresh) return;
  const std::vector<uint8_t> nan(tensor.bytes(), 0xff);
  engine_->Upload(tensor.data, nan.data(), nan.size());
  if (Has(name)) Upload(name, tensor);
}

void LstmRun::Upload(const std::string& name, const Tensor& tensor) {
  const std::vector<double>& values = case_.given.at(name);
  CHECK_EQ(tensor.count(), static_cast<int64_t>(values.size()));
  const auto convert = [&](auto number) {
    std::vector<decltype(number(0.0))> numbers;
    for (const double value : values) numbers.push_back(number(value));
    engine_->Upload(tensor.data, numbers.data(), tensor.bytes());
  };
  if (tensor.dtype == DType::kI32) {
    convert([](double value) { return static_cast<int32_t>(value); });
  } else if (tensor.dtype == DType::kBF16) {
    convert([](double value) { return ToBf16(static_cast<float>(value)); });
  } else {
    convert([](double value) { return static_cast<float>(value); });
  }
}

}  // namespace bnlstm
