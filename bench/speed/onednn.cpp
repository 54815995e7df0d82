// oneDNN's LSTM primitive, one layer and direction. Built and run by onednn.mjs:
//
//     onednn STEPS BATCH INPUTS HIDDEN f32|bf16 forward|train|inference REPEATS SECONDS
//
// prints version, median, least and most milliseconds. The training passes start from plain f32
// weights, as a training step has them, and bring them into the layouts that the primitive asks
// for; inference finds them there. The backward primitive has no form without dx.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

static_assert(DNNL_VERSION_MAJOR == 2, "written for oneDNN 2.x (Debian 12: libdnnl-dev)");

namespace {

using dnnl::memory;
using Type = memory::data_type;
using Layout = memory::format_tag;
using Arguments = std::unordered_map<int, memory>;

struct Setting {
  memory::dim steps, batch, inputs, hidden;
  Type type;
  std::string pass;
};

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Lstm {
 public:
  explicit Lstm(const Setting& setting) : s_(setting), forward_(MakeForward()) {
    // Values without denormals or NaN; times do not depend on them otherwise.
    Fill(plain_wx_, 1 / 32.0f);
    Fill(plain_wh_, 1 / 32.0f);
    memory x = New({{s_.steps, s_.batch, s_.inputs}, Type::f32, Layout::tnc});
    Fill(x, 1);
    Copy(x, arguments_[DNNL_ARG_SRC_LAYER] = New(x_));
    arguments_[DNNL_ARG_SRC_ITER] = New(h_);
    arguments_[DNNL_ARG_SRC_ITER_C] = New(c_);
    arguments_[DNNL_ARG_WEIGHTS_LAYER] = New(forward_.weights_layer_desc());
    arguments_[DNNL_ARG_WEIGHTS_ITER] = New(forward_.weights_iter_desc());
    arguments_[DNNL_ARG_BIAS] = New(bias_);
    arguments_[DNNL_ARG_DST_LAYER] = New(y_);
    arguments_[DNNL_ARG_DST_ITER] = New(h_);
    arguments_[DNNL_ARG_DST_ITER_C] = New(c_);
    if (s_.pass != "inference") arguments_[DNNL_ARG_WORKSPACE] = New(forward_.workspace_desc());
    Pack();
  }

  /// One run of the pass.
  std::function<void()> Run() {
    const dnnl::lstm_forward forward(forward_);
    if (s_.pass == "inference") {
      return [=, this] {
        forward.execute(stream_, arguments_);
        stream_.wait();
      };
    }
    std::function<void()> backward = s_.pass == "train" ? MakeBackward() : [] {};
    return [=, this] {
      Pack();
      forward.execute(stream_, arguments_);
      backward();
      stream_.wait();
    };
  }

 private:
  memory::desc Wanted(const memory::dims& shape, Type type) {
    return {shape, type, Layout::any};  // the layout is the primitive's choice
  }

  dnnl::lstm_forward::primitive_desc MakeForward() {
    const auto kind = s_.pass == "inference" ? dnnl::prop_kind::forward_inference
                                             : dnnl::prop_kind::forward_training;
    return {{kind, dnnl::rnn_direction::unidirectional_left2right, x_, h_, c_,
             Wanted(wx_shape_, s_.type), Wanted(wh_shape_, s_.type), bias_, y_, h_, c_},
            engine_};
  }

  std::function<void()> MakeBackward() {
    const memory::desc dx(x_.dims(), Type::f32, Layout::tnc), dy(y_.dims(), Type::f32, Layout::tnc),
        dh(h_.dims(), Type::f32, Layout::ldnc);
    const dnnl::lstm_backward::primitive_desc description(
        {dnnl::prop_kind::backward, dnnl::rnn_direction::unidirectional_left2right, x_, h_, c_,
         Wanted(wx_shape_, s_.type), Wanted(wh_shape_, s_.type), bias_, y_, h_, c_, dx, dh, c_,
         Wanted(wx_shape_, Type::f32), Wanted(wh_shape_, Type::f32), bias_, dy, dh, c_},
        engine_, forward_);
    const dnnl::lstm_backward backward(description);
    Arguments arguments = arguments_;
    memory wx = arguments[DNNL_ARG_WEIGHTS_LAYER] = New(description.weights_layer_desc());
    memory wh = arguments[DNNL_ARG_WEIGHTS_ITER] = New(description.weights_iter_desc());
    memory dwx = arguments[DNNL_ARG_DIFF_WEIGHTS_LAYER] = New(description.diff_weights_layer_desc());
    memory dwh = arguments[DNNL_ARG_DIFF_WEIGHTS_ITER] = New(description.diff_weights_iter_desc());
    memory db = arguments[DNNL_ARG_DIFF_BIAS] = New(bias_);
    arguments[DNNL_ARG_DIFF_SRC_LAYER] = New(dx);
    arguments[DNNL_ARG_DIFF_SRC_ITER] = New(dh);
    arguments[DNNL_ARG_DIFF_SRC_ITER_C] = New(c_);
    Fill(arguments[DNNL_ARG_DIFF_DST_LAYER] = New(dy), 0.01f);
    arguments[DNNL_ARG_DIFF_DST_ITER] = New(dh);
    arguments[DNNL_ARG_DIFF_DST_ITER_C] = New(c_);
    return [=, this]() mutable {
      Copy(plain_wx_, wx);
      Copy(plain_wh_, wh);
      for (memory& sum : {std::ref(dwx), std::ref(dwh), std::ref(db)}) Zero(sum);  // it adds to them
      backward.execute(stream_, arguments);
    };
  }

  void Pack() {
    Copy(plain_wx_, arguments_[DNNL_ARG_WEIGHTS_LAYER]);
    Copy(plain_wh_, arguments_[DNNL_ARG_WEIGHTS_ITER]);
  }

  memory New(const memory::desc& description) {
    memory made(description, engine_);
    Zero(made);
    return made;
  }

  static void Zero(memory& at) { std::memset(at.get_data_handle(), 0, at.get_desc().get_size()); }

  /// f32, uniform in -bound..bound.
  static void Fill(memory& at, float bound) {
    uint32_t state = 1;
    auto* data = static_cast<float*>(at.get_data_handle());
    for (size_t i = 0; i < at.get_desc().get_size() / sizeof(float); ++i) {
      state = state * 1664525u + 1013904223u;
      data[i] = bound * (static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
    }
  }

  void Copy(memory& from, memory& to) { dnnl::reorder(from, to).execute(stream_, from, to); }

  Setting s_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  memory::dims wx_shape_{1, 1, s_.inputs, 4, s_.hidden}, wh_shape_{1, 1, s_.hidden, 4, s_.hidden};
  memory::desc x_{{s_.steps, s_.batch, s_.inputs}, s_.type, Layout::tnc};
  memory::desc y_{{s_.steps, s_.batch, s_.hidden}, s_.type, Layout::tnc};
  memory::desc h_{{1, 1, s_.batch, s_.hidden}, s_.type, Layout::ldnc};
  memory::desc c_{{1, 1, s_.batch, s_.hidden}, Type::f32, Layout::ldnc};
  memory::desc bias_{{1, 1, 4, s_.hidden}, Type::f32, Layout::ldgo};
  memory plain_wx_{{wx_shape_, Type::f32, Layout::ldigo}, engine_};
  memory plain_wh_{{wh_shape_, Type::f32, Layout::ldigo}, engine_};
  dnnl::lstm_forward::primitive_desc forward_;
  Arguments arguments_;
};

}  // namespace

int main(int count, char** values) try {
  if (count != 9) {
    std::fprintf(stderr, "usage: see the comment at the top of onednn.cpp\n");
    return 2;
  }
  const auto size = [&](int i) { return static_cast<memory::dim>(std::atoll(values[i])); };
  const Type type = std::string(values[5]) == "bf16" ? Type::bf16 : Type::f32;
  Lstm lstm({size(1), size(2), size(3), size(4), type, values[6]});
  const size_t repeats = static_cast<size_t>(size(7));
  const double seconds = std::atof(values[8]);

  const auto run = lstm.Run();
  run();
  std::vector<double> times;
  const double started = Now();
  do {
    const double begun = Now();
    run();
    times.push_back(1e3 * (Now() - begun));
  } while (times.size() < repeats && Now() - started < seconds);
  std::sort(times.begin(), times.end());
  const double median = (times[(times.size() - 1) / 2] + times[times.size() / 2]) / 2;
  const dnnl_version_t* version = dnnl_version();
  std::printf("%d.%d.%d %.3f %.3f %.3f\n", version->major, version->minor, version->patch, median,
              times.front(), times.back());
} catch (const dnnl::error& error) {
  std::fprintf(stderr, "oneDNN: %s (status %d)\n", error.what(), error.status);
  return error.status == dnnl_unimplemented ? 4 : 1;
}
