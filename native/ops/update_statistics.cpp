#include "ops/update_statistics.h"

#include "ops/training_state.h"

namespace bnlstm::ops {
namespace {

UpdateStatistics::Mode ReadMode(const OpArguments& op) {
  const std::string& mode = op.Text("mode");
  if (mode == "average") return UpdateStatistics::Mode::kAverage;
  if (mode == "pooled") return UpdateStatistics::Mode::kPooled;
  Assert(mode == "decay", op.name + ": bad option 'mode'");
  return UpdateStatistics::Mode::kDecay;
}

bool ReadSequenceInputs(const OpArguments& op) {
  const std::string& text = op.Text("inputStatistics");
  Assert(text == "step" || text == "sequence", op.name + ": bad option 'inputStatistics'");
  return text == "sequence";
}

}  // namespace

UpdateStatistics::UpdateStatistics(const OpArguments& op)
    : mode(ReadMode(op)), sequence_inputs(ReadSequenceInputs(op)) {
  const Shape given = op.Find("cellMean").shape, kept = op.Find("tableCellMean").shape;
  Assert(given.size() == 3 && kept.size() == 3,
         op.name + " needs cellMean [R][T][H] and tableCellMean [R][M][H]");
  directions = given[0];
  steps = given[1];
  hidden = given[2];
  table_steps = kept[1];

  const auto f32 = DType::kF32, i32 = DType::kI32;
  const int64_t R = directions, T = steps, M = table_steps, H = hidden;
  const auto read = [&](Tensor BnLstmStatistics::*member, const char* key, int64_t width,
                        bool once) {
    std::string table_key = std::string("table") + key;
    table_key[5] = static_cast<char>(table_key[5] - 'a' + 'A');
    from.*member = op.Required(key, f32, {R, once ? 1 : T, width});
    table.*member = op.Required(table_key, f32, {R, once ? 1 : M, width});
  };
  read(&BnLstmStatistics::recurrent_mean, "recurrentMean", 4 * H, false);
  read(&BnLstmStatistics::recurrent_var, "recurrentVar", 4 * H, false);
  read(&BnLstmStatistics::input_mean, "inputMean", 4 * H, sequence_inputs);
  read(&BnLstmStatistics::input_var, "inputVar", 4 * H, sequence_inputs);
  read(&BnLstmStatistics::cell_mean, "cellMean", H, false);
  read(&BnLstmStatistics::cell_var, "cellVar", H, false);

  first_step = op.Optional("firstStep", i32, {1});
  if (mode == Mode::kDecay) {
    decay = op.Number("decay");
    state = op.Required("state", i32, {kStateSlots});
  } else if (mode == Mode::kAverage) {
    counts = op.Required("counts", i32, {M});
    if (sequence_inputs) counts_input = op.Required("countsInput", i32, {1});
  } else {
    const Tensor given_lengths = op.Find("lengths");
    batch = given_lengths ? given_lengths.count() : static_cast<int64_t>(op.Number("batch"));
    lengths = op.Optional("lengths", i32, {batch});
    counts = op.Required("counts", i32, {M, 2});
    if (sequence_inputs) counts_input = op.Required("countsInput", i32, {1, 2});
  }
}

}  // namespace bnlstm::ops
