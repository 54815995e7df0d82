#include <set>

#include "cuda/bn_lstm_layout.h"
#include "cuda/bn_lstm_plan.h"
#include "cuda/engine.h"
#include "emulator_fixture.h"
#include "lstm_plans.h"

namespace bnlstm {
namespace {

using cuda::BnLstmChoice;
using cuda::DeviceFacts;
using cuda::PersistentPass;
using cuda::Split;
using Plan = ops::BnLstmPlan;

const DeviceFacts kH100{.multiprocessors = 132,
                        .capability = 90,
                        .shared_bytes = 227 << 10,
                        .cooperative = true,
                        .tf32 = true};
const DeviceFacts kA100{.multiprocessors = 108,
                        .capability = 80,
                        .shared_bytes = 163 << 10,
                        .cooperative = true,
                        .tf32 = true};

/// Layers of which sizes and options count, and nothing else.
ops::BnLstm AnyLayer() {
  const LstmRun run(PlainLstm("auto"), cuda::MakeEngine({}));
  return ops::BnLstm(run.ops()[1]);
}
ops::BnLstm Layer(bool bf16, int64_t hidden, int64_t batch, ops::BnLstm op = AnyLayer()) {
  op.bf16 = bf16;
  op.hidden = hidden;
  op.batch = batch;
  op.steps = 1000;
  return op;
}

std::string Words(const PersistentPass& pass) {
  const Split& split = pass.split;
  return std::to_string(split.slices) + " x " + std::to_string(split.items) + " of " +
         std::to_string(pass.items) + ", " + std::to_string(split.parts) + " x " +
         std::to_string(split.tiles) + ", " + std::to_string(pass.rows);
}

/// Slices, items of a warp and of its instance, parts, tiles of a warp, rows of a lane.
TEST(CudaPlanDividesTheWork) {
  const struct {
    bool bf16;
    int64_t hidden, batch, blocks;
    std::string words;
  } cases[] = {
      {true, 5, 1, 4, "1 x 1 of 4, 8 x 1, 1"},
      {true, 32, 1, 4, "1 x 1 of 4, 8 x 1, 1"},
      {true, 33, 17, 8, "1 x 2 of 4, 8 x 1, 1"},
      {true, 100, 100, 16, "1 x 4 of 4, 8 x 1, 4"},
      {true, 256, 64, 32, "2 x 4 of 4, 4 x 1, 2"},
      {true, 512, 128, 64, "4 x 4 of 4, 2 x 4, 4"},
      {true, 1000, 64, 128, "8 x 4 of 4, 1 x 4, 2"},
      {true, 1056, 128, 132, "8 x 5 of 6, 1 x 8, 4"},
      {false, 5, 1, 4, "1 x 2 of 4, 8 x 1, 1"},
      {false, 100, 100, 16, "2 x 4 of 4, 4 x 2, 4"},
      {false, 512, 32, 64, "8 x 4 of 4, 1 x 2, 1"},
      {false, 1024, 128, 128, "8 x 8 of 8, 1 x 8, 4"},
  };
  for (const auto& [bf16, hidden, batch, blocks, words] : cases) {
    ops::BnLstm op = Layer(bf16, hidden, batch);
    op.plan = Plan::kPersistent;
    for (const auto choose : {cuda::ChooseForward, cuda::ChooseBackward}) {
      const BnLstmChoice choice = choose(op, kH100);
      CHECK(choice.persistent);
      CHECK_EQ(choice.pass.blocks, blocks);
      CHECK_EQ(Words(choice.pass), words);
    }
  }
}

/// All of k and all rows have a warp, which has registers for its share; and a block has the memory,
/// shared and that of what travels.
void CheckPass(const BnLstmChoice& choice, const cuda::BnLstmLayout& at, bool backward,
               const DeviceFacts& device) {
  const PersistentPass& pass = choice.pass;
  const Split& split = pass.split;
  const int64_t units = cuda::RoundUp(at.H, 32);
  const int rows = cuda::TileRows(at.B);
  const size_t bytes = at.value_bytes;
  CHECK_EQ(pass.blocks, units / 8);
  CHECK(pass.blocks <= device.multiprocessors);
  CHECK_EQ(split.slices * split.parts, cuda::kWarpsOfBlock);
  CHECK(split.slices * split.items >= units * static_cast<int64_t>(bytes) / 64);
  CHECK(split.parts * split.tiles >= rows / 16);
  CHECK(pass.items >= split.items);
  CHECK(pass.rows == 1 || pass.rows == 2 || pass.rows == 4);
  CHECK(pass.rows * 32 >= rows);  // a pair of rows of every tile has a place in shared memory
  CHECK_EQ(pass.rows, cuda::RowsOfLanes(at.B));
  CHECK_EQ(pass.shared_bytes, cuda::SharedBytes(split, pass.rows, backward ? 4 : 1, bytes));
  CHECK(pass.shared_bytes <= device.shared_bytes);

  const size_t published = static_cast<size_t>(units * rows * at.run) * bytes;
  const size_t groups = static_cast<size_t>(units / 32) * 4 * 4 * 256 * 16;  // each pair's lanes
  CHECK_EQ(cuda::ExchangeBytes(choice, at), backward ? groups + 4 * published : published);
  CHECK_EQ(pass.group_bytes, backward ? groups : 0);
  CHECK_EQ(cuda::PackedBytes(choice, bytes), static_cast<size_t>(4 * units * units) * bytes);
}

/// Where sums of pairs of rows lie in shared memory: each in a place of its own, before the next two
/// columns begin; and what eight lanes write or read at once, 16 bytes each, is all of its 32 banks.
TEST(CudaPlanPlacesPairsOfRows) {
  for (const int rows : {1, 2, 4}) {
    const int stride = cuda::SlotStride(rows), pairs = rows * 32 / 2;
    std::set<int> places;
    for (int pair = 0; pair < pairs; ++pair) {
      const int place = cuda::SlotPlace(pair, rows);
      CHECK(place >= 0 && place < stride);
      places.insert(place);
    }
    CHECK_EQ(places.size(), static_cast<size_t>(pairs));

    for (int first = 0; first < pairs; first += 4) {
      std::set<int> banks;  // written: of four pairs of two units
      for (int lane = 0; lane < 8; ++lane) {
        const int place = cuda::SlotPlace(first + lane % 4, rows);
        banks.insert((lane / 4 * 2 * stride + place) % 8);
      }
      CHECK_EQ(banks.size(), size_t{8});
    }
    const int apart = rows == 4 ? 2 : 1;  // from lane to lane that reads
    for (int first = 0; first + 7 * apart < pairs; ++first) {
      std::set<int> banks;
      for (int n = 0; n < 8; ++n) banks.insert(cuda::SlotPlace(first + n * apart, rows) % 8);
      CHECK_EQ(banks.size(), size_t{8});
    }
  }
}

TEST(CudaPlanFitsWhereverItServes) {
  DeviceFacts small = kA100;
  small.shared_bytes = 99 << 10;  // compute capability 8.6
  const ops::BnLstm any = AnyLayer();
  int served = 0, refused = 0;
  for (const DeviceFacts& device : {kH100, kA100, small}) {
    for (const bool bf16 : {true, false}) {
      for (int64_t H = 1; H <= 8 * device.multiprocessors; H += H < 40 ? 1 : 53) {
        for (int64_t B = 1; B <= 128; B += B < 20 ? 1 : 9) {
          ops::BnLstm op = Layer(bf16, H, B, any);
          const cuda::BnLstmLayout at(op);
          for (const bool backward : {false, true}) {
            const BnLstmChoice choice =
                (backward ? cuda::ChooseBackward : cuda::ChooseForward)(op, device);
            ++(choice.persistent ? served : refused);
            if (choice.persistent) CheckPass(choice, at, backward, device);
          }
        }
      }
    }
  }
  CHECK(served > 5000);
  CHECK(refused > 0);
}

const std::string kBlocks13 =
    "for each step a product of cuBLAS and a kernel, 13 blocks with 8 hidden units each, in one "
    "CUDA "
    "graph: ";

TEST(CudaPlanSaysWhyNotPersistent) {
  const struct {
    std::string why;
    void (*change)(ops::BnLstm& op, DeviceFacts& device);
  } cases[] = {
      {"its products round their operands to bf16 or TF32, and neither dtype 'bf16' nor tf32 was "
       "asked for",
       [](ops::BnLstm& op, DeviceFacts& device) { op.bf16 = device.tf32 = false; }},
      {"rows stand at different steps of the population statistics",
       [](ops::BnLstm& op, DeviceFacts&) {
         op.population = true;
         op.first_step = {DType::kI32, {op.batch}, nullptr, true};
       }},
      {"the GPU's compute capability is below 8.0",
       [](ops::BnLstm&, DeviceFacts& device) { device.capability = 75; }},
      {"the GPU does not run all blocks of a grid at the same time",
       [](ops::BnLstm&, DeviceFacts& device) { device.cooperative = false; }},
      {"100 hidden units need 16 multiprocessors (4 for each 32 units), and the GPU has 15",
       [](ops::BnLstm&, DeviceFacts& device) { device.multiprocessors = 15; }},
      {"a batch of 129 rows is too large; it holds 128",
       [](ops::BnLstm& op, DeviceFacts&) { op.batch = 129; }},
      {"weights or sums of 100 hidden units and 64 rows do not fit into a multiprocessor",
       [](ops::BnLstm&, DeviceFacts& device) { device.shared_bytes = 4 << 10; }},
  };
  for (const auto& [why, change] : cases) {
    ops::BnLstm op = Layer(true, 100, 64);
    DeviceFacts device = kH100;
    CHECK(ChooseForward(op, device).persistent && ChooseBackward(op, device).persistent);
    change(op, device);
    for (const auto choose : {cuda::ChooseForward, cuda::ChooseBackward}) {
      op.plan = Plan::kAuto;
      CHECK(!choose(op, device).persistent);
      CHECK_EQ(choose(op, device).why, kBlocks13 + "'persistent' does not serve it, as " + why);
      for (const auto& [plan, name] :
           {std::pair(Plan::kPersistent, "persistent"), {Plan::kOverlapped, "overlapped"}}) {
        op.plan = plan;
        try {
          choose(op, device);
          check::Fail(__FILE__, __LINE__, "served: ", why);
        } catch (const Error& error) {
          CHECK_EQ(error.code(), std::string(kUnsupported));
          CHECK_EQ(std::string(error.what()),
                   std::string("plan: expected 'auto' or 'steps', got '") + name + "': " + why);
        }
      }
      op.plan = Plan::kSteps;
      CHECK_EQ(choose(op, device).why, kBlocks13 + "it was asked for");
    }
  }
}

/// Where the units of a block share registers with weights of too many others.
TEST(CudaPlanRefusesWhatRegistersDoNotHold) {
  CHECK(ChooseForward(Layer(false, 1024, 128), kH100).persistent);
  CHECK(!ChooseForward(Layer(false, 1032, 1), kH100).persistent);
  CHECK(!ChooseBackward(Layer(false, 1032, 1), kH100).persistent);
  CHECK(ChooseForward(Layer(true, 1056, 128), kH100).persistent);
}

/// The times are in bench/results/plans-h200-2026-11-27.json: it was faster wherever both were measured.
TEST(CudaPlanChoosesWhatWasMeasuredFaster) {
  const struct {
    bool bf16;
    int64_t hidden, batch;
    bool persistent;
  } cases[] = {{true, 128, 64, true},   {true, 512, 16, true},    {true, 1024, 128, true},
               {false, 128, 64, true},  {false, 1024, 128, true}, {true, 128, 129, false},
               {true, 1057, 64, false}, {false, 1025, 64, false}};
  for (const auto& [bf16, hidden, batch, persistent] : cases) {
    const ops::BnLstm op = Layer(bf16, hidden, batch);
    for (const auto choose : {cuda::ChooseForward, cuda::ChooseBackward}) {
      const BnLstmChoice choice = choose(op, kH100);
      CHECK_EQ(choice.persistent, persistent);
      CHECK_EQ(choice.why.find("does not serve it") != std::string::npos, !persistent);
    }
  }
}

TEST(CudaPlanPacksNoWeightsForASingleStep) {
  ops::BnLstm op = Layer(true, 128, 64);
  op.steps = 1;
  for (const auto choose : {cuda::ChooseForward, cuda::ChooseBackward}) {
    op.plan = Plan::kAuto;
    CHECK_EQ(choose(op, kH100).name, "steps");
    CHECK(choose(op, kH100).why.find("for a single step") != std::string::npos);
    op.plan = Plan::kPersistent;
    CHECK(choose(op, kH100).persistent);
  }
}

/// Two directions in one launch: where the GPU holds their blocks, and few items will do.
TEST(CudaPlanTakesBothDirectionsTogether) {
  const struct {
    bool bf16;
    int64_t hidden, directions;
    bool together;
  } cases[] = {{true, 100, 2, true},  {true, 100, 1, false},  {true, 512, 2, true},
               {true, 513, 2, false}, {true, 1000, 2, false}, {false, 512, 2, true},
               {false, 513, 2, false}};
  for (const auto& [bf16, hidden, directions, together] : cases) {
    ops::BnLstm op = Layer(bf16, hidden, 64);
    op.directions = directions;
    op.plan = Plan::kPersistent;
    for (const auto choose : {cuda::ChooseForward, cuda::ChooseBackward}) {
      const BnLstmChoice choice = choose(op, kH100);
      CHECK(choice.persistent);
      CHECK_EQ(choice.together, together);
      CHECK_EQ(choice.why.find("both directions at the same time") != std::string::npos, together);
    }
  }
}

TEST(CudaPlanSaysWhatItTakes) {
  ops::BnLstm op = Layer(true, 100, 64);
  op.population = true;  // the rows at one step
  const BnLstmChoice choice = ChooseBackward(op, kH100);
  CHECK_EQ(
      choice.why,
      "one launch for up to " + std::to_string(cuda::BnLstmLayout(op).run) +
          " steps, 16 blocks with up to 8 hidden units each, weights in registers, the product "
          "shared by 2 x 4 warps");
  op.plan = Plan::kPersistent;
  CHECK_EQ(ChooseBackward(op, kH100).why, choice.why + ": it was asked for");
  op.plan = Plan::kSteps;
  CHECK_EQ(cuda::ExchangeBytes(ChooseBackward(op, kH100), cuda::BnLstmLayout(op)), size_t{0});
}

/// Shorter runs, with memory of two; one at a time where backward runs steps again.
TEST(CudaPlanOverlapsRuns) {
  ops::BnLstm op = Layer(true, 100, 64);
  const BnLstmChoice alone = ChooseForward(op, kH100);
  const cuda::BnLstmLayout whole(op);
  op.plan = Plan::kOverlapped;
  const cuda::BnLstmLayout at(op);
  CHECK(at.run < whole.run);
  for (const int64_t recompute : {0, 1, 1000}) {
    op.recompute = recompute;
    const bool again = recompute == 1;
    const BnLstmChoice forward = ChooseForward(op, kH100), backward = ChooseBackward(op, kH100);
    CHECK_EQ(forward.name, std::string("overlapped"));
    CHECK_EQ(backward.name, std::string("overlapped"));
    CHECK(forward.persistent && forward.overlaps && backward.persistent);
    CHECK_EQ(backward.overlaps, !again);
    CHECK_EQ(forward.runs_at_once(), 2);
    CHECK_EQ(backward.runs_at_once(), again ? 1 : 2);
    CHECK_EQ(Words(forward.pass), Words(alone.pass));
    const std::string beside = ", the products before and after them beside other steps";
    const std::string one = ", nothing beside them as steps run again";
    CHECK(forward.why.find(beside + ": it was asked for") != std::string::npos);
    CHECK(backward.why.find((again ? one : beside) + ": it was asked for") != std::string::npos);
  }
  op.steps = at.run;
  CHECK(!ChooseForward(op, kH100).overlaps && !ChooseBackward(op, kH100).overlaps);
  CHECK(ChooseForward(op, kH100).why.find(", nothing beside them as all are one run: it was") !=
        std::string::npos);
}

TEST(CudaPlanRunsAsThePlanSays) {
  const EmulatorSettings restore;
  const auto engine = cuda::MakeEngine({.tf32 = true});
  for (const std::string plan : {"auto", "steps", "persistent", "overlapped"}) {
    const LstmRun run(PlainLstm(plan), engine);
    for (size_t i = 1; i < run.ops().size(); ++i) {
      const OpPlan found = engine->Plan(run.ops()[i]);
      CHECK_EQ(found.name, plan == "auto" ? std::string("persistent") : plan);
      CHECK_EQ(found.why.find(": it was asked for") != std::string::npos, plan != "auto");
    }
    // Blocks of 'steps' do not need one another.
    emulator::LoseStores(0);
    if (plan == "steps") {
      run.Run(0);
    } else {
      const LstmRun lost(PlainLstm(plan), cuda::MakeEngine({.tf32 = true}));
      CHECK_THROWS(lost.Run(0), kDevice);
    }
    emulator::LoseStores(-1);
  }
}

TEST(CudaPlanThatDoesNotServeIsRefused) {
  const auto engine = cuda::MakeEngine({});
  CheckRefused(engine, "persistent",
               "plan: expected 'auto' or 'steps', got 'persistent': its products round their "
               "operands to bf16 or TF32, and neither dtype 'bf16' nor tf32 was asked for");
  OpArguments op = LstmRun(PlainLstm("auto"), engine).ops()[1];
  op.options["plan"] = "fast";
  CHECK_THROWS(engine->Sizes(op), kInternal);
}

}  // namespace
}  // namespace bnlstm
