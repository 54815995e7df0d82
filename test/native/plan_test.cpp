#include "cpu/engine.h"
#include "cpu/instruction_sets.h"
#include "lstm_plans.h"

namespace bnlstm {
namespace {

TEST(CpuHasNoPlansToChoose) {
  for (const cpu::InstructionSet& set : cpu::InstructionSets()) {
    if (!set.kernels) continue;
    const auto engine = cpu::MakeEngine(*set.kernels);
    for (const std::string plan : {"steps", "persistent", "overlapped"})
      CheckRefused(engine, plan,
                   "plan: expected 'auto', got '" + plan +
                       "': on a CPU there is one way, whatever the instruction set");
    const LstmRun run(PlainLstm("auto"), engine);
    CHECK_EQ(engine->Plan(run.ops()[1]).name, set.name);
  }
}

}  // namespace
}  // namespace bnlstm
