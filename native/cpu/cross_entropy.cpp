#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/counted_rows.h"
#include "cpu/elements.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/simd/clones.h"
#include "cpu/simd/vector.h"

namespace bnlstm::cpu {
namespace {

constexpr double kExponential = 20;  // operations

/// Before the kernels, which must not throw.
template <class Op>
void CheckTargets(const Op& op, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const int32_t target = op.targets.i32()[row];
    Assert((target >= 0 && target < op.classes) || !op.Counts(row),
           "a target lies outside the classes");
  }
}

/// A vector of the `count` numbers that are left; lanes beyond them are -infinity.
BNLSTM_INLINE Vec LoadLogits(const float* p, int64_t count) {
  if (count >= kLanes) return Load(p);
  float lanes[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) {
    lanes[i] = i < count ? p[i] : -std::numeric_limits<float>::infinity();
  }
  return Load(lanes);
}

/// softmax(x) = e^(x - max) / sum; NaN in a logit makes `sum` NaN.
struct Softmax {
  float max, sum;
};

BNLSTM_INLINE Softmax FindSoftmax(const float* logits, int64_t classes) {
  Vec largest = Splat(-std::numeric_limits<float>::infinity());
  for (int64_t c = 0; c < classes; c += kLanes) {
    const Vec x = LoadLogits(logits + c, classes - c);
    largest = Select(x > largest, x, largest);
  }
  float max = largest[0];
  for (int lane = 1; lane < kLanes; ++lane) max = largest[lane] > max ? largest[lane] : max;
  Vec sum = Splat(0);
  for (int64_t c = 0; c < classes; c += kLanes) {
    sum += Exp(LoadLogits(logits + c, classes - c) - Splat(max));
  }
  return {max, Sum(sum)};
}

/// Whether the target is the first of the largest logits; false if one is NaN.
BNLSTM_INLINE bool IsLargest(const float* logits, int64_t classes, int64_t target) {
  const float value = logits[target];
  int yes = value == value;
  for (int64_t c = 0; c < target; ++c) yes &= logits[c] < value;
  for (int64_t c = target + 1; c < classes; ++c) yes &= logits[c] <= value;
  return yes != 0;
}

BNLSTM_CLONES
LossSums CrossEntropyRows(const ops::CrossEntropy& op, Reader& read, int64_t begin, int64_t end) {
  LossSums sums;
  for (int64_t row = begin; row < end; ++row) {
    if (!op.Counts(row)) continue;
    const int64_t target = op.targets.i32()[row];
    const float* logits = read.At(row * op.classes, op.classes);
    const Softmax softmax = FindSoftmax(logits, op.classes);
    sums.loss += std::log(static_cast<double>(softmax.sum)) +
                 (static_cast<double>(softmax.max) - static_cast<double>(logits[target]));
    sums.correct += IsLargest(logits, op.classes, target);
    ++sums.counted;
  }
  return sums;
}

BNLSTM_CLONES
void CrossEntropyGradient(const ops::CrossEntropyBackward& op, float scale, Reader& read,
                          Writer& write, int64_t begin, int64_t end) {
  const int64_t classes = op.classes;
  for (int64_t row = begin; row < end; ++row) {
    if (!op.Counts(row)) {
      Zero(op.dlogits, row * classes, classes);
      continue;
    }
    float* gradient = write.At(row * classes);
    const int64_t target = op.targets.i32()[row];
    const float* logits = read.At(row * classes, classes);
    const Softmax softmax = FindSoftmax(logits, classes);
    const Vec max = Splat(softmax.max), inverse = Splat(1.0f / softmax.sum);
    float probabilities[kLanes];
    for (int64_t c = 0; c < classes; c += kLanes) {
      Store(probabilities, Exp(LoadLogits(logits + c, classes - c) - max) * inverse);
      const int64_t count = std::min<int64_t>(kLanes, classes - c);
      for (int64_t i = 0; i < count; ++i) {
        gradient[c + i] = scale * (probabilities[i] - (c + i == target ? 1.0f : 0.0f));
      }
    }
    write.Store(row * classes, classes);
  }
}

}  // namespace

void Run(const ops::CrossEntropy& op, const Context& context) {
  const double operations = kExponential * static_cast<double>(op.classes);
  const LossSums total = SumBlocks(op.rows, operations, context, [&](int64_t begin, int64_t end) {
    CheckTargets(op, begin, end);
    Reader read(op.logits, op.classes);
    return CrossEntropyRows(op, read, begin, end);
  });
  op.loss.f32()[0] = Mean(total.loss, total.counted);
  op.correct.f32()[0] = static_cast<float>(total.correct);
  op.counted.f32()[0] = static_cast<float>(total.counted);
}

void Run(const ops::CrossEntropyBackward& op, const Context& context) {
  const float scale = op.dloss.f32()[0] / op.counted.f32()[0];  // unused if no row counts
  ParallelFor(context, op.rows, kExponential * static_cast<double>(op.classes), [&](Range range) {
    CheckTargets(op, range.begin, range.end);
    Reader read(op.logits, op.classes);
    Writer write(op.dlogits, op.classes);
    CrossEntropyGradient(op, scale, read, write, range.begin, range.end);
  });
}

}  // namespace bnlstm::cpu
