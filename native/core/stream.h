#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/arena.h"
#include "core/array.h"
#include "core/engine.h"
#include "core/program.h"
#include "core/staging_pool.h"
#include "core/wait.h"

namespace bnlstm {

/// An error on its way from one thread to another.
struct Fault {
  std::string code, message;
};

/// The fault that a caught exception is: an Error's own code, out of memory, or internal.
Fault CurrentFault();

/// The ordered queue of one model, with its own thread. It belongs to one thread, the owner (in
/// Node: JavaScript's), which makes, disposes and closes; only jobs may be queued from any.
///
/// A job that fails poisons the stream, whose memory is then in an unknown state: later jobs fail
/// with kPoisoned. Other streams go on. Jobs own what they use but never the stream: its thread
/// would join itself.
class Stream {
 public:
  /// Called on the stream's thread when a job has ended, exactly once, in the order of the jobs.
  /// Must not throw or wait.
  using Done = std::function<void(std::optional<Fault>)>;

  /// `threads` 0: the engine's choice.
  Stream(std::shared_ptr<const Engine> engine, int threads);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { Close(); }

  /// Not once it is closed.
  const Engine& engine() const { return *engine_; }
  const Arena& arena() const { return arena_; }
  StagingPool& staging() { return staging_; }
  bool closed() const { return closed_; }

  /// Throws kOutOfMemory.
  std::shared_ptr<Array> NewArray(size_t bytes);
  /// Checks, compiles and grows the arena to it, after waiting for what is queued if it must grow.
  std::shared_ptr<Program> NewProgram(ProgramDescription description);
  /// Frees it after what is queued; it is `disposed` at once.
  void Dispose(const std::shared_ptr<Array>& array);
  /// Cancels what runs and what is queued (kDisposed), joins the thread, frees all memory and the
  /// engine, also of arrays and programs that somebody still has.
  void Close();

  /// Any thread, before Close. `staging` holds what CopyIn has put there and gets the outputs; the
  /// caller keeps it until `done`.
  void Run(std::shared_ptr<Program> program, std::byte* staging, Done done);
  /// As Run, and `staging` gets the times of the ops too.
  void Profile(std::shared_ptr<Program> program, std::byte* staging, Done done);
  /// Times runs of it: see Program::Time.
  void Time(std::shared_ptr<Program> program, std::byte* staging, Span milliseconds, Done done);
  void Write(std::shared_ptr<Array> array, size_t offset, const std::byte* from, size_t bytes,
             Done done);
  void Read(std::shared_ptr<Array> array, size_t offset, std::byte* into, size_t bytes, Done done);
  /// Queues work of the host that belongs between the others' and not on the owner's thread.
  void Call(std::function<void(const RunContext&)> work, Done done);

 private:
  struct Job {
    std::function<void()> work;
    Done done;  // null: `work` only frees, and is done in any case
    /// Waits for what `work` has only started; null: `work` does it all.
    std::function<void()> finish = nullptr;
    std::function<bool()> ended = nullptr;  // whether it would not wait
    std::optional<Fault> fault = std::nullopt;
  };

  void Queue(Job job);
  void Wake();
  void Loop();
  bool CanBegin() const;
  bool EndsBeforeChange(uint32_t changes) const;
  void Begin(Job& job);
  void Finish(Job& job);
  std::optional<Fault> Attempt(const Job& job, const std::function<void()>& work);
  Fault Poisoned() const;
  void ReplaceArena(Arena next);

  std::shared_ptr<const Engine> engine_;  // null once closed
  const int threads_;
  Arena arena_;                   // changed by the owner while no job runs
  StagingPool staging_{engine_};  // owner
  // Owner: to be freed by Close.
  std::vector<std::weak_ptr<Array>> arrays_;
  std::vector<std::weak_ptr<Program>> programs_;
  bool closed_ = false;  // owner

  std::atomic<bool> cancelled_{false};
  std::optional<Fault> poison_;  // stream's thread
  std::deque<Job> started_;      // stream's thread: that are to be finished, at most InFlight()
  std::mutex mutex_;             // guards the three below
  std::deque<Job> jobs_;
  bool running_ = false;  // a job was taken and has not ended, or some are in started_
  bool closing_ = false;
  Word changes_{0};  // of jobs_ and closing_: what the thread waits on
  std::condition_variable drained_;
  std::thread thread_;  // last: it starts once all else is there
};

}  // namespace bnlstm
