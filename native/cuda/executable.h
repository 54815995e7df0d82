#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/engine.h"
#include "cuda/queue.h"

namespace bnlstm::cuda {

/// An op bound to memory.
struct Call {
  std::string name;
  std::function<void(const Context&)> enqueue;
  size_t workspace_bytes = 0;
  bool overlaps = false;  // it enqueues on the context's second stream too
};

/// Makes the queue's slots large enough for runs that copy values of so many bytes in and out.
void ReserveSlots(Queue& queue, const std::vector<size_t>& copies);

/// The ops of a program as one CUDA graph, captured once and replayed at every run: nothing that
/// changes between runs may be among the arguments of a launch.
class GraphExecutable : public Executable {
 public:
  /// Captures, so that what cannot run fails while it is planned.
  GraphExecutable(std::shared_ptr<Queue> queue, std::vector<Call> calls);
  ~GraphExecutable() override;

  /// Op by op, without the graph, where times are asked for; else as a whole.
  void Run(const RunContext& context) override;
  double TimedRun(const RunContext& context) override;
  void Start(const std::vector<Copy>& uploads, const std::vector<Copy>& downloads,
             const RunContext& context) override;
  bool Ended() override;
  void Finish() override;

 private:
  template <class Body>
  void Alone(const Body& body);
  void Enqueue(const std::vector<Copy>& uploads, const std::vector<Copy>& downloads,
               const RunContext& context);
  void Capture();
  void Launch();
  void RunTimed(std::vector<double>* seconds);
  void Enqueue(const Call& call) const;

  const std::shared_ptr<Queue> queue_;
  const std::vector<Call> calls_;
  cudaGraphExec_t graph_ = nullptr;
  std::byte* workspace_ = nullptr;  // that graph_ has the address of
};

}  // namespace bnlstm::cuda
