#include "ops/bn_lstm.h"

#include "ops/blob.h"

namespace bnlstm::ops {
namespace {

bool Choice(const OpArguments& op, const char* option, const char* yes, const char* no) {
  const std::string& text = op.Text(option);
  Assert(text == yes || text == no, op.name + ": bad option '" + option + "'");
  return text == yes;
}

BnLstmPlan PlanOf(const OpArguments& op) {
  const std::string text = op.Text("plan", "auto");
  if (text == "steps") return BnLstmPlan::kSteps;
  if (text == "persistent") return BnLstmPlan::kPersistent;
  if (text == "overlapped") return BnLstmPlan::kOverlapped;
  Assert(text == "auto", op.name + ": bad option 'plan'");
  return BnLstmPlan::kAuto;
}

}  // namespace

BnLstmShape::BnLstmShape(const OpArguments& op) {
  tokens = op.Find("tokens").present;
  const Tensor x = op.Find(tokens ? "tokens" : "x");
  Assert(x.present && x.shape.size() == (tokens ? 2 : 3), op.name + " needs x or tokens");
  steps = x.shape[0];
  batch = x.shape[1];
  inputs = tokens ? static_cast<int64_t>(op.Number("vocabulary")) : x.shape[2];
  hidden = static_cast<int64_t>(op.Number("hidden"));
  directions = static_cast<int64_t>(op.Number("directions"));
  Assert(steps > 0 && batch > 0 && inputs > 0 && hidden > 0 && directions > 0 && directions <= 2,
         op.name + ": sizes must be positive");
  normalize = Choice(op, "norm", "batch", "none");
  population = Choice(op, "statistics", "population", "batch");
  sequence_inputs = Choice(op, "inputStatistics", "sequence", "step");
  valid_rows = Choice(op, "lengthStatistics", "valid", "all");
  learned_state = Choice(op, "initialState", "learned", "rows");
  sample_zoneout = Choice(op, "zoneout", "sample", "expect");
  bf16 = IsBf16(op);
  recompute = static_cast<int64_t>(op.Number("recompute", 0));
  Assert(recompute >= 0, op.name + ": recompute is negative");
  recompute_inputs = op.Flag("recomputeInputs");
  plan = PlanOf(op);
  eps = static_cast<float>(op.Number("eps"));
  noise = static_cast<float>(op.Number("noise", 0));
  zoneout_c = static_cast<float>(op.Number("zoneoutC", 0));
  zoneout_h = static_cast<float>(op.Number("zoneoutH", 0));
  seed = static_cast<uint64_t>(op.Number("seedLow", 0)) |
         static_cast<uint64_t>(op.Number("seedHigh", 0)) << 32;
  stream = static_cast<uint32_t>(op.Number("stream", 0));
  const Tensor table = op.Find("recurrentMean");
  table_steps = population && table.present ? table.shape[1] : steps;
}

BnLstmOperands::BnLstmOperands(const OpArguments& op) : BnLstmShape(op) {
  const int64_t R = directions, H = hidden, S = table_steps, U = sequence_inputs ? 1 : S;
  const auto f32 = DType::kF32;
  x = op.Optional("x", bf16 ? DType::kBF16 : f32, {steps, batch, inputs});
  tokens_in = op.Optional("tokens", DType::kI32, {steps, batch});
  packed = Blob(op, "packed");
  b = op.Required("b", f32, {R, 4 * H});
  if (normalize) {
    gamma_x = op.Required("gammaX", f32, {R, 4 * H});
    gamma_h = op.Required("gammaH", f32, {R, 4 * H});
    gamma_c = op.Required("gammaC", f32, {R, H});
    beta_c = op.Required("betaC", f32, {R, H});
    stats.recurrent_mean = op.Required("recurrentMean", f32, {R, S, 4 * H});
    stats.recurrent_var = op.Required("recurrentVar", f32, {R, S, 4 * H});
    stats.input_mean = op.Required("inputMean", f32, {R, U, 4 * H});
    stats.input_var = op.Required("inputVar", f32, {R, U, 4 * H});
    stats.cell_mean = op.Required("cellMean", f32, {R, S, H});
    stats.cell_var = op.Required("cellVar", f32, {R, S, H});
  } else {
    beta_c = op.Optional("betaC", f32, {R, H});
  }
  const Shape state = learned_state ? Shape{R * H} : Shape{batch, R * H};
  h0 = op.Required("h0", f32, state);
  c0 = op.Required("c0", f32, state);
  lengths = op.Optional("lengths", DType::kI32, {batch});
  first_step = op.Optional("firstStep", DType::kI32, {batch});
  const bool random = noise != 0 || (sample_zoneout && (zoneout_c != 0 || zoneout_h != 0));
  attempt = random ? op.Required("attempt", DType::kI32, {1}) : Tensor{};
}

BnLstm::BnLstm(const OpArguments& op) : BnLstmOperands(op) {
  const int64_t RH = directions * hidden;
  const DType dtype = bf16 ? DType::kBF16 : DType::kF32;
  y = op.Optional("y", dtype, {steps, batch, RH});
  h_last = op.Optional("hT", dtype, {batch, RH});
  c_last = op.Optional("cT", DType::kF32, {batch, RH});
  c_all = op.Optional("cAll", DType::kF32, {steps, batch, RH});
  saved = Blob(op, "saved");
  scratch = Blob(op, "scratch");
}

BnLstmBackward::BnLstmBackward(const OpArguments& op) : BnLstmOperands(op) {
  const int64_t R = directions, H = hidden;
  const auto f32 = DType::kF32;
  saved = Blob(op, "saved");
  scratch = Blob(op, "scratch");
  const DType dtype = bf16 ? DType::kBF16 : f32;
  dy = op.Optional("dy", dtype, {steps, batch, R * H});
  dh_last = op.Optional("dhT", dtype, {batch, R * H});
  dc_last = op.Optional("dcT", f32, {batch, R * H});
  dwx = op.Required("dwx", f32, {R, inputs, 4 * H});
  dwh = op.Required("dwh", f32, {R, H, 4 * H});
  db = op.Required("db", f32, b.shape);
  if (normalize) {
    dgamma_x = op.Required("dgammaX", f32, {R, 4 * H});
    dgamma_h = op.Required("dgammaH", f32, {R, 4 * H});
    dgamma_c = op.Required("dgammaC", f32, {R, H});
  }
  if (beta_c) dbeta_c = op.Required("dbetaC", f32, {R, H});
  dh0 = op.Required("dh0", f32, h0.shape);
  dc0 = op.Required("dc0", f32, c0.shape);
  dx = op.Optional("dx", dtype, {steps, batch, inputs});
}

}  // namespace bnlstm::ops
