#pragma once

#include <memory>
#include <string>

#include "check.h"
#include "lstm_run.h"
#include "random.h"

namespace bnlstm {

/// Forward and backward of a plain LSTM, for what is asked of an engine about its plans.
inline LstmCase PlainLstm(const std::string& plan) {
  LstmCase made{.T = 3, .B = 4, .D = 2, .H = 5, .options = {{"norm", "none"}, {"plan", plan}}};
  Random random(8);
  made.given = {{"wx", random.Normals(made.D * 4 * made.H, 0.5)},
                {"wh", random.Normals(made.H * 4 * made.H, 0.5)},
                {"b", random.Normals(4 * made.H, 0.5)},
                {"x", random.Normals(made.T * made.B * made.D, 1)},
                {"h0", random.Normals(made.B * made.H, 0.5)},
                {"c0", random.Normals(made.B * made.H, 0.5)},
                {"dy", random.Normals(made.T * made.B * made.H, 1)}};
  return made;
}

/// Whatever an engine is asked about a plan that does not serve it, it refuses in the same words.
inline void CheckRefused(const std::shared_ptr<const Engine>& engine, const std::string& plan,
                         const std::string& message) {
  const LstmRun run(PlainLstm("auto"), engine);
  CHECK_EQ(run.ops().size(), size_t{3});
  for (size_t i = 1; i < run.ops().size(); ++i) {
    OpArguments op = run.ops()[i];
    op.options["plan"] = plan;
    const auto refuses = [&](const char* what, auto&& ask) {
      try {
        ask();
      } catch (const Error& error) {
        CHECK_EQ(error.code(), std::string(kUnsupported));
        CHECK_EQ(std::string(error.what()), message);
        return;
      }
      check::Fail(__FILE__, __LINE__, engine->name(), ": ", what, " of ", op.name, " took ", plan);
    };
    refuses("Sizes", [&] { engine->Sizes(op); });
    refuses("Plan", [&] { engine->Plan(op); });
    refuses("Compile", [&] { engine->Compile({op}); });
  }
}

}  // namespace bnlstm
