#include "cuda/engine.h"
#include "lstm_plans.h"

namespace bnlstm {
namespace {

TEST(CudaPlanOfStepsSaysWhetherItWasAskedFor) {
  const auto engine = cuda::MakeEngine({});
  const auto ends = [](const std::string& text, const std::string& end) {
    return text.size() >= end.size() &&
           text.compare(text.size() - end.size(), end.size(), end) == 0;
  };
  for (const auto& [asked, why] : {std::pair<std::string, std::string>{"auto", "for any shape"},
                                   {"steps", "it was asked for"}}) {
    const LstmRun run(PlainLstm(asked), engine);
    for (size_t i = 1; i < run.ops().size(); ++i) {
      const OpPlan plan = engine->Plan(run.ops()[i]);
      CHECK_EQ(plan.name, std::string("steps"));
      if (!ends(plan.why, why)) check::Fail(__FILE__, __LINE__, asked, ": ", plan.why);
    }
    run.Run(0);
  }
}

TEST(CudaRefusesPlansThatItLacks) {
  const auto engine = cuda::MakeEngine({});
  CheckRefused(
      engine, "persistent",
      "plan: expected 'auto' or 'steps', got 'persistent': this build has no such kernels");
  OpArguments op = LstmRun(PlainLstm("auto"), engine).ops()[1];
  op.options["plan"] = "fast";
  CHECK_THROWS(engine->Sizes(op), kInternal);
}

}  // namespace
}  // namespace bnlstm
