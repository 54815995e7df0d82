#pragma once

#include "cuda/bn_lstm_layout.h"
#include "cuda/bn_lstm_plan.h"
#include "cuda/context.h"
#include "cuda/device/cell.h"
#include "cuda/device/forward_run.h"

namespace bnlstm::cuda {

/// Where the rows of a direction's step lie in x and y: direction 1 walks the unpadded part backwards
/// and leaves the padding at the end.
struct Places {
  const int32_t* lengths;  // or null
  int64_t T, B;
  bool backwards;

  __device__ int64_t Length(int64_t n) const { return lengths ? lengths[n] : T; }
  /// Of row n at step s, as an index of [T][B]; its own inverse.
  __device__ int64_t At(int64_t s, int64_t n) const {
    const int64_t length = Length(n);
    return (backwards && s < length ? length - 1 - s : s) * B + n;
  }
};

/// Where the i-th row of a run is: rows of a run, and of a batch, are counted in 32 bits, whose division
/// is several times as fast as that of 64.
struct StepRow {
  int64_t step, row;

  __device__ __forceinline__ StepRow(int64_t i, int64_t batch)
      : step(static_cast<uint32_t>(i) / static_cast<uint32_t>(batch)), row(i - step * batch) {}
};

/// Memory for what comes in of a run: rows of x [steps][padded][D] where x itself will not do, the
/// tokens [steps][padded] (-1: none), x Wx [4H] of `products` runs, f32, and where states are kept by
/// zoneout, [H] u8 each, of `runs` runs.
struct InputMemory {
  uint8_t* x = nullptr;
  int32_t* tokens = nullptr;
  RunMemory p, keep_c, keep_h;

  InputMemory() = default;
  InputMemory(const ops::BnLstmShape& op, const BnLstmLayout& at, Carver& carve, int64_t products,
              int64_t runs)
      : x(carve.Bytes(at.tokens ? 0 : static_cast<size_t>(at.stride() * at.D) * at.value_bytes)),
        tokens(reinterpret_cast<int32_t*>(
            carve.Bytes(at.tokens ? static_cast<size_t>(at.stride()) * sizeof(int32_t) : 0))),
        p(at, carve, 4 * at.H, sizeof(float), products),
        keep_c(at, carve, at.H, 1, op.sample_zoneout && op.zoneout_c != 0 ? runs : 0),
        keep_h(at, carve, at.H, 1, op.sample_zoneout && op.zoneout_h != 0 ? runs : 0) {}
};

/// What the blocks exchange in a run, by the plan `persistent`: memory for `runs` runs, used in turn.
class ExchangeMemory {
 public:
  ExchangeMemory() = default;
  ExchangeMemory(const BnLstmLayout& at, const BnLstmChoice& choice, Carver& carve, int64_t runs)
      : run_(at.run),
        bytes_(ExchangeBytes(choice, at)),
        runs_(runs),
        data_(carve.Bytes(bytes_ * static_cast<size_t>(runs))) {}

  /// Of the run that begins at step s.
  uint8_t* At(int64_t s) const { return data_ + static_cast<size_t>(s / run_ % runs_) * bytes_; }
  /// As its kernel wants to find it.
  void Clear(int64_t s, const Context& context) const {
    Check(cudaMemsetAsync(At(s), 0xff, bytes_, context.stream), "cudaMemsetAsync");
  }

 private:
  int64_t run_ = 1;
  size_t bytes_ = 0;
  int64_t runs_ = 1;
  uint8_t* data_ = nullptr;
};

/// Memory for the products of the hidden state: h Wh of a step, [4H][padded] f32, by the plan `steps`;
/// packed weights and what the blocks exchange in a run, by the plan `persistent`.
struct RecurrentMemory {
  float* a = nullptr;
  uint8_t* packed = nullptr;
  ExchangeMemory exchange;

  RecurrentMemory() = default;
  RecurrentMemory(const BnLstmLayout& at, const BnLstmChoice& forward, Carver& carve,
                  int64_t runs) {
    if (!forward.persistent) {
      a = carve.Floats(4 * at.H * at.padded);
      return;
    }
    packed = carve.Bytes(PackedBytes(forward, at.value_bytes));
    exchange = ExchangeMemory(at, forward, carve, runs);
  }
};

/// One direction of an op: what its kernels are told, and what happens at the borders of runs, on the
/// context's stream.
class Direction {
 public:
  Direction(const ops::BnLstmOperands& op, const BnLstmLayout& at, int64_t r,
            const Context& context);

  const BnLstmLayout& at() const { return at_; }
  const Context& context() const { return context_; }
  const Places& places() const { return places_; }
  const void* wx() const { return weights_; }
  const void* wh() const {
    return weights_ + static_cast<size_t>(at_.D * 4 * at_.H) * at_.value_bytes;
  }
  /// Whether the first pass measures batch statistics.
  bool measures() const { return at_.normalize && !op_.population; }
  DType value_type() const { return op_.bf16 ? DType::kBF16 : DType::kF32; }

  /// What a step's kernel is told. Batch statistics are measured by the first pass over the steps
  /// (`measure`) and read by every other.
  StepShape Step(int64_t s, bool measure, const InputMemory& memory) const;

  /// h and c before step 0.
  void Begin(const StepMemory& memory) const;
  /// The rows of x of the run that begins at s, row-major and `at.D` apart; or its tokens.
  const void* Inputs(int64_t s, const InputMemory& memory) const;
  /// Draws where states are kept in that run; of one state, if it has `keep`.
  void DrawZoneout(int64_t s, const InputMemory& memory) const;
  void Draw(float rate, uint32_t stream, int64_t s, const RunMemory& keep) const;
  /// x Wx of that run.
  void MultiplyInputs(int64_t s, const InputMemory& memory) const;
  /// Statistics of x Wx: of each step of the run that begins at s, or of all steps together.
  void MeasureInputs(int64_t s, const InputMemory& memory) const;
  void MeasureSequence(const InputMemory& memory) const;
  /// Makes of x Wx of that run what the persistent kernels add (ForwardUnit's terms), in place, with the
  /// statistics of each step, which are measured first if `measure`; keeps the normalised values for
  /// backward where there is memory for them.
  void MakeTerms(int64_t s, const InputMemory& memory, const RunMemory& kept, bool measure) const;
  /// What the steps of that run would keep of x Wx, once statistics are known.
  void NormalizeInputs(int64_t s, const InputMemory& memory, const RunMemory& kept_b) const;

 private:
  template <class Value>
  void NormalizeInputsTo(int64_t s, const InputMemory& memory, Value* kept_b) const;
  const ops::BnLstmOperands& op_;
  const BnLstmLayout& at_;
  const int64_t r_;
  const Context& context_;
  const Places places_;
  const uint8_t* const weights_;
};

/// The forward steps of one direction: what bnLstm runs, and what bnLstmBackward runs again where
/// they were not kept.
class ForwardSteps {
 public:
  /// `beside` is the same direction, on the stream for what goes before the steps.
  ForwardSteps(const Direction& direction, const Direction& beside, const StepMemory& memory,
               const InputMemory& inputs, const BnLstmChoice& choice,
               const RecurrentMemory& recurrent, bool measure)
      : direction_(direction),
        beside_(beside),
        memory_(memory),
        inputs_(inputs),
        choice_(choice),
        recurrent_(recurrent),
        measure_(measure),
        context_(direction.context()) {}

  /// Before the first run.
  void Begin() const;
  /// Before the run that begins at step s: what its kernels want beside the products of its inputs, which
  /// are in memory.
  void Before(int64_t s) const;
  /// That run, of one direction or of two that are `together`.
  static void Run(const std::vector<const ForwardSteps*>& directions, int64_t s);

 private:
  template <class Value>
  void Steps(int64_t begin, int64_t end) const;
  /// What the persistent kernel is told.
  template <class Value>
  ForwardRun<Value> RunOf(int64_t begin, int64_t end) const;
  template <class Value>
  static void Run(const std::vector<const ForwardSteps*>& directions, int64_t begin, int64_t end);

  const Direction &direction_, &beside_;
  const StepMemory& memory_;
  const InputMemory& inputs_;
  const BnLstmChoice& choice_;
  const RecurrentMemory& recurrent_;
  const bool measure_;
  const Context& context_;
};

/// Calls body with a kernel's number of rows for each lane, 1 to 8 or 0: a RowsOfLane.
template <class Body>
void WithRows(int64_t padded, Norm norm, const Body& body) {
  if (norm == Norm::kTableByRow) return body(RowsOfLane<0>());
  if (padded <= 32) return body(RowsOfLane<1>());
  if (padded <= 64) return body(RowsOfLane<2>());
  if (padded <= 128) return body(RowsOfLane<4>());
  if (padded <= 256) return body(RowsOfLane<8>());
  body(RowsOfLane<0>());
}

}  // namespace bnlstm::cuda
