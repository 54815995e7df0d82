#include "addon/stream_wrap.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "addon/array_wrap.h"
#include "addon/convert.h"
#include "addon/errors.h"
#include "addon/host_array.h"
#include "addon/instance_data.h"
#include "addon/program_wrap.h"
#include "addon/registry.h"
#include "cpu/orthogonal.h"

namespace bnlstm::addon {
namespace {

using Pending = Completions::Pending;

Napi::Number ToNumber(Napi::Env env, size_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

/// The memory of one typed array for each transfer.
std::vector<const void*> ReadHostArrays(const Napi::Value& value,
                                        const std::vector<Transfer>& transfers,
                                        const std::string& what) {
  Assert(value.IsArray() && value.As<Napi::Array>().Length() == transfers.size(),
         "one typed array is needed for each " + what);
  std::vector<const void*> memory;
  for (const Transfer& transfer : transfers) {
    const size_t i = memory.size();
    const Napi::Value array = value.As<Napi::Array>().Get(static_cast<uint32_t>(i));
    memory.push_back(ReadHostArray(array, transfer.host(), static_cast<size_t>(transfer.count()),
                                   what + " " + std::to_string(i))
                         .data);
  }
  return memory;
}

/// Keeps the arrays that a job is to fill.
Napi::ObjectReference List(const std::vector<Napi::Value>& arrays) {
  const Napi::Env env = arrays.front().Env();
  Napi::Array list = Napi::Array::New(env, arrays.size());
  for (uint32_t i = 0; i < arrays.size(); ++i) list.Set(i, arrays[i]);
  return Napi::Persistent(list.As<Napi::Object>());
}

/// A range of an array, as the arguments of write and read give it.
struct Slice {
  std::shared_ptr<Array> array;
  size_t offset;
  HostArray host;
};

Slice ReadSlice(const Napi::CallbackInfo& info, const Stream& stream) {
  Slice slice{ArrayWrap::Get(info[0], stream), ReadCount(info[1], "an offset"),
              ReadHostArray(info[2], "the data")};
  Assert(slice.offset <= slice.array->bytes() &&
             slice.host.bytes <= slice.array->bytes() - slice.offset,
         "the data lie outside of the array");
  return slice;
}

}  // namespace

Napi::Function StreamWrap::Define(Napi::Env env) {
  return DefineClass(
      env, "Stream",
      {InstanceAccessor<&StreamWrap::Device>("device"),
       InstanceAccessor<&StreamWrap::ArenaBytes>("arenaBytes"),
       InstanceAccessor<&StreamWrap::ArenaGeneration>("arenaGeneration"),
       InstanceMethod<&StreamWrap::Sizes>("sizes"), InstanceMethod<&StreamWrap::Plan>("plan"),
       InstanceMethod<&StreamWrap::Memory>("memory"),
       InstanceMethod<&StreamWrap::NewArray>("array"),
       InstanceMethod<&StreamWrap::NewProgram>("program"),
       InstanceMethod<&StreamWrap::Submit>("submit"),
       InstanceMethod<&StreamWrap::Profile>("profile"), InstanceMethod<&StreamWrap::Time>("time"),
       InstanceMethod<&StreamWrap::Write>("write"), InstanceMethod<&StreamWrap::Read>("read"),
       InstanceMethod<&StreamWrap::Orthogonal>("orthogonal"),
       InstanceMethod<&StreamWrap::Dispose>("dispose")});
}

StreamWrap::StreamWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StreamWrap>(info) {
  Guarded(info.Env(), [&] {
    Assert(info[0].IsString() && info[1].IsObject(), "a stream needs a device and options");
    const Napi::Object options = info[1].As<Napi::Object>();
    const size_t threads = ReadCount(options.Get("threads"), "threads");
    const EngineChoices choices{options.Get("tf32").ToBoolean()};
    stream_ = std::make_shared<Stream>(MakeEngine(info[0].As<Napi::String>(), choices),
                                       static_cast<int>(threads));
    device_ = stream_->engine().name();
    auto& streams = InstanceData::Of(info.Env()).streams;
    std::erase_if(streams, [](const auto& known) { return known.expired(); });
    streams.push_back(stream_);
  });
}

void StreamWrap::Finalize(Napi::BasicEnv env) { external_->Add(env, -arena_bytes_); }

Stream& StreamWrap::Open() const {
  if (stream_->closed()) throw Error(kDisposed, "the stream was disposed");
  return *stream_;
}

Napi::Value StreamWrap::Device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), device_);
}

Napi::Value StreamWrap::ArenaBytes(const Napi::CallbackInfo& info) {
  return ToNumber(info.Env(), stream_->arena().bytes());
}

Napi::Value StreamWrap::ArenaGeneration(const Napi::CallbackInfo& info) {
  return ToNumber(info.Env(), stream_->arena().generation());
}

Napi::Value StreamWrap::Sizes(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const Stream& stream = Open();
    const OpSizes sizes = stream.engine().Sizes(ReadOp(info[0], stream).Bind(nullptr));
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("saved", ToNumber(info.Env(), sizes.saved));
    result.Set("scratch", ToNumber(info.Env(), sizes.scratch));
    result.Set("packed", ToNumber(info.Env(), sizes.packed));
    return result;
  });
}

Napi::Value StreamWrap::Plan(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const Stream& stream = Open();
    const OpPlan plan = stream.engine().Plan(ReadOp(info[0], stream).Bind(nullptr));
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("name", plan.name);
    result.Set("why", plan.why);
    return result;
  });
}

Napi::Value StreamWrap::Memory(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    const DeviceMemory memory = Open().engine().Memory();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("free", ToNumber(info.Env(), memory.free));
    result.Set("total", ToNumber(info.Env(), memory.total));
    return result;
  });
}

Napi::Value StreamWrap::NewArray(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    auto array = Open().NewArray(ReadCount(info[0], "bytes"));
    return ArrayWrap::New(info.Env(), stream_, std::move(array), external_);
  });
}

Napi::Value StreamWrap::NewProgram(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    Stream& stream = Open();
    auto program = stream.NewProgram(ReadProgram(info[0], stream));
    const auto arena_bytes = static_cast<int64_t>(stream.arena().bytes());
    external_->Add(info.Env(), arena_bytes - std::exchange(arena_bytes_, arena_bytes));
    return ProgramWrap::New(info.Env(), stream_, std::move(program));
  });
}

/// A promise that `start` sees to. What was disposed rejects it, so that a caller who awaits meets
/// one kind of failure; anything else thrown is a mistake in the call.
template <class Start>
Napi::Value StreamWrap::Promised(Napi::Env env, const Start& start) {
  return Guarded(env, [&] {
    const auto deferred = Napi::Promise::Deferred::New(env);
    try {
      start(deferred);
    } catch (const Error& error) {
      if (error.code() != kDisposed) throw;
      deferred.Reject(ToJs(env, {error.code(), error.what()}).Value());
    }
    return deferred.Promise();
  });
}

Napi::Value StreamWrap::Submit(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Promised(env, [&](Napi::Promise::Deferred deferred) {
    Stream& stream = Open();
    const auto program = ProgramWrap::Get(info[0], stream);
    const auto from = ReadHostArrays(info[1], program->inputs(), "input");
    ReadHostArrays(info[2], program->outputs(), "output");
    Pending pending{deferred, stream_, stream.staging().Take(program->staging_bytes()),
                    program->results(), Napi::Persistent(info[2].As<Napi::Object>())};
    program->CopyIn(from, pending.staging.data());
    InstanceData::Of(env).completions.Start(
        env, std::move(pending), [&](Pending& kept, Stream::Done done) {
          stream.Run(program, kept.staging.data(), std::move(done));
        });
  });
}

Napi::Value StreamWrap::Profile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Promised(env, [&](Napi::Promise::Deferred deferred) {
    Stream& stream = Open();
    const auto program = ProgramWrap::Get(info[0], stream);
    const auto from = ReadHostArrays(info[1], program->inputs(), "input");
    ReadHostArrays(info[2], program->outputs(), "output");
    const Span times = program->op_times();
    ReadHostArray(info[3], DType::kF32, times.bytes / sizeof(float), "the times");

    std::vector<Span> results = program->results();
    std::vector<Napi::Value> outputs;
    for (uint32_t i = 0; i < results.size(); ++i) {
      outputs.push_back(info[2].As<Napi::Array>().Get(i));
    }
    results.push_back(times);
    outputs.push_back(info[3]);
    Pending pending{deferred, stream_, stream.staging().Take(program->staging_bytes()),
                    std::move(results), List(outputs)};
    program->CopyIn(from, pending.staging.data());
    InstanceData::Of(env).completions.Start(
        env, std::move(pending), [&](Pending& kept, Stream::Done done) {
          stream.Profile(program, kept.staging.data(), std::move(done));
        });
  });
}

Napi::Value StreamWrap::Time(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Promised(env, [&](Napi::Promise::Deferred deferred) {
    Stream& stream = Open();
    const auto program = ProgramWrap::Get(info[0], stream);
    const auto from = ReadHostArrays(info[1], program->inputs(), "input");
    const size_t runs = ReadHostArray(info[2], "the times").count;
    ReadHostArray(info[2], DType::kF32, runs, "the times");
    const Span span{program->staging_bytes(), runs * sizeof(float)};
    Pending pending{deferred,
                    stream_,
                    stream.staging().Take(span.offset + span.bytes),
                    {span},
                    List({info[2]})};
    program->CopyIn(from, pending.staging.data());
    InstanceData::Of(env).completions.Start(
        env, std::move(pending), [&](Pending& kept, Stream::Done done) {
          stream.Time(program, kept.staging.data(), span, std::move(done));
        });
  });
}

Napi::Value StreamWrap::Write(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Promised(env, [&](Napi::Promise::Deferred deferred) {
    Stream& stream = Open();
    const Slice slice = ReadSlice(info, stream);
    const size_t bytes = slice.host.bytes;
    Pending pending{deferred, stream_, stream.staging().Take(bytes), {}, {}};
    if (bytes > 0) std::memcpy(pending.staging.data(), slice.host.data, bytes);
    InstanceData::Of(env).completions.Start(
        env, std::move(pending), [&](Pending& kept, Stream::Done done) {
          stream.Write(slice.array, slice.offset, kept.staging.data(), bytes, std::move(done));
        });
  });
}

Napi::Value StreamWrap::Read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Promised(env, [&](Napi::Promise::Deferred deferred) {
    Stream& stream = Open();
    const Slice slice = ReadSlice(info, stream);
    const size_t bytes = slice.host.bytes;
    Pending pending{deferred, stream_, stream.staging().Take(bytes), {{0, bytes}}, List({info[2]})};
    InstanceData::Of(env).completions.Start(
        env, std::move(pending), [&](Pending& kept, Stream::Done done) {
          stream.Read(slice.array, slice.offset, kept.staging.data(), bytes, std::move(done));
        });
  });
}

Napi::Value StreamWrap::Orthogonal(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Promised(env, [&](Napi::Promise::Deferred deferred) {
    Stream& stream = Open();
    const cpu::Orthogonal matrix = ReadOrthogonal(info[0]);
    const auto count = static_cast<size_t>(matrix.rows * matrix.columns);
    const size_t bytes = ReadHostArray(info[1], DType::kF32, count, "the matrix").bytes;
    Pending pending{deferred, stream_, stream.staging().Take(bytes), {{0, bytes}}, List({info[1]})};
    InstanceData::Of(env).completions.Start(
        env, std::move(pending), [&](Pending& kept, Stream::Done done) {
          auto* const values = reinterpret_cast<float*>(kept.staging.data());
          stream.Call(
              [matrix, values](const RunContext& run) { FillOrthogonal(matrix, values, run); },
              std::move(done));
        });
  });
}

Napi::Value StreamWrap::Dispose(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] {
    stream_->Close();
    external_->Close(info.Env());
    return info.Env().Undefined();
  });
}

}  // namespace bnlstm::addon
