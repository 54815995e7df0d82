#include "cuda_fixture.h"

#include <cmath>

namespace bnlstm {
namespace {

constexpr size_t kAlignment = 64;

OpDescription::Operand F32(Shape shape, const Location& location) {
  return {DType::kF32, std::move(shape), location};
}

}  // namespace

Workload::Workload(Stream& stream, int64_t count, uint32_t seed)
    : stream_(stream),
      count_(count),
      random_(seed),
      w_(Integers(count)),
      v_(Integers(kWidth * kWidth)),
      total_(static_cast<size_t>(count), 0.0f),
      w_array_(NewArray(w_)),
      v_array_(NewArray(v_)),
      total_array_(NewArray(total_)),
      state_array_(stream.NewArray(4 * sizeof(int32_t))),
      program_(stream.NewProgram(Describe())) {}

std::vector<float> Workload::Integers(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random_.Between(-8, 8));
  return values;
}

std::shared_ptr<Array> Workload::NewArray(const std::vector<float>& values) {
  const size_t bytes = values.size() * sizeof(float);
  auto array = stream_.NewArray(bytes);
  stream_.engine().Upload(array->data(), values.data(), bytes);
  return array;
}

ProgramDescription Workload::Describe() const {
  ProgramDescription program;
  const auto take = [&](int64_t floats) {
    const size_t bytes = static_cast<size_t>(floats) * sizeof(float);
    const Location location{nullptr, program.arena_bytes};
    program.arena_bytes += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return location;
  };
  const Location x = take(count_), sum = take(count_), product = take(count_), norm = take(1),
                 scale = take(1), loss = take(1);
  const Location w{w_array_, 0}, v{v_array_, 0}, total{total_array_, 0}, state{state_array_, 0};
  const Shape whole{count_}, rows{count_ / kWidth, kWidth};
  program.ops = {
      {"fill", {{"y", F32({1}, loss)}}, {{"value", 0.0}}},
      {"add", {{"a", F32(whole, x)}, {"b", F32(whole, w)}, {"y", F32(whole, sum)}}, {}},
      {"linear",
       {{"x", F32(rows, x)}, {"w", F32({kWidth, kWidth}, v)}, {"y", F32(rows, product)}},
       {}},
      {"add", {{"a", F32(whole, total)}, {"b", F32(whole, x)}, {"y", F32(whole, total)}}, {}},
      {"globalNorm",
       {{"gradients", F32(whole, sum)},
        {"loss", F32({1}, loss)},
        {"norm", F32({1}, norm)},
        {"scale", F32({1}, scale)},
        {"state", {DType::kI32, {4}, state}}},
       {}},
  };
  const auto transfer = [&](const Shape& shape, const Location& location) {
    return Transfer{DType::kF32, shape, location, false, {}};
  };
  program.inputs = {transfer(whole, x)};
  program.outputs = {transfer(whole, sum), transfer(whole, product), transfer(whole, total),
                     transfer({1}, norm)};
  return program;
}

Workload::Pending Workload::Next(size_t more_bytes, int runs) {
  Pending pending{
      Staging(stream_.staging().Take(program_->staging_bytes() + more_bytes)), {}, {}, {}, {}};
  const std::vector<float> x = Integers(count_);
  program_->CopyIn({x.data()}, pending.staging.data());
  double squares = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t row = i / kWidth * kWidth, column = i % kWidth;
    float product = 0;
    for (size_t k = 0; k < kWidth; ++k) product += x[row + k] * v_[k * kWidth + column];
    pending.product.push_back(product);
    const float sum = x[i] + w_[i];
    pending.sum.push_back(sum);
    squares += static_cast<double>(sum) * static_cast<double>(sum);
    total_[i] += static_cast<float>(runs) * x[i];
  }
  pending.total = total_;
  pending.norm = {static_cast<float>(std::sqrt(squares))};
  return pending;
}

Workload::Pending Workload::Submit(Ends& ends) {
  Pending pending = Next(0, 1);
  stream_.Run(program_, pending.staging.data(), ends.Next());
  return pending;
}

Workload::Pending Workload::Profile(Ends& ends) {
  Pending pending = Next(0, 1);
  stream_.Profile(program_, pending.staging.data(), ends.Next());
  return pending;
}

Workload::Pending Workload::Time(Ends& ends, int runs) {
  const Span times{program_->staging_bytes(), static_cast<size_t>(runs) * sizeof(float)};
  Pending pending = Next(times.bytes, runs);
  stream_.Time(program_, pending.staging.data(), times, ends.Next());
  return pending;
}

Staging Workload::WriteW(Ends& ends) {
  w_ = Integers(count_);
  const size_t bytes = w_.size() * sizeof(float);
  Staging staging = stream_.staging().Take(bytes);
  std::memcpy(staging.data(), w_.data(), bytes);
  stream_.Write(w_array_, 0, staging.data(), bytes, ends.Next());
  return staging;
}

std::vector<float> Workload::Output(const Pending& pending, size_t index) const {
  const auto [offset, bytes] = program_->results()[index];
  std::vector<float> values(bytes / sizeof(float));
  std::memcpy(values.data(), pending.staging.data() + offset, bytes);
  return values;
}

void Workload::Check(const Pending& pending) const {
  CHECK(Output(pending, 0) == pending.sum);
  CHECK(Output(pending, 1) == pending.product);
  CHECK(Output(pending, 2) == pending.total);
  CHECK_EQ(Output(pending, 3)[0], pending.norm[0]);
}

void Workload::Dispose() {
  for (const auto& array : {w_array_, v_array_, total_array_, state_array_}) stream_.Dispose(array);
}

}  // namespace bnlstm
