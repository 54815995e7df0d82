#include "core/stream.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "core/cpus.h"

namespace bnlstm {
namespace {

Fault Disposed() { return {kDisposed, "the model was disposed before this was done"}; }

}  // namespace

Fault CurrentFault() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {kOutOfMemory, "the process has not enough memory"};
  } catch (const std::exception& error) {
    return {kInternal, std::string("internal error: ") + error.what()};
  } catch (...) {
    return {kInternal, "internal error of an unknown type"};
  }
}

Stream::Stream(std::shared_ptr<const Engine> engine, int threads)
    : engine_(std::move(engine)), threads_(threads), thread_([this] { Loop(); }) {
  ++Alive::streams;
}

std::shared_ptr<Array> Stream::NewArray(size_t bytes) {
  auto array = std::make_shared<Array>(engine_, bytes);
  std::erase_if(arrays_, [](const auto& known) { return known.expired(); });
  arrays_.push_back(array);
  return array;
}

std::shared_ptr<Program> Stream::NewProgram(ProgramDescription description) {
  auto program = std::make_shared<Program>(engine_, std::move(description));
  std::erase_if(programs_, [](const auto& known) { return known.expired(); });
  programs_.push_back(program);
  if (program->arena_bytes() <= arena_.bytes()) {
    program->Bind(arena_);
    engine_->Reserve(program->copies());
    return program;
  }
  // All the memory or none: what is too much for one must not be missing for a smaller program. So
  // the old arena is freed only once everything new is there.
  Arena next = arena_.Next(Memory(engine_, program->arena_bytes()));
  program->Bind(next);
  engine_->Reserve(program->copies());
  ReplaceArena(std::move(next));
  return program;
}

/// Every other program is compiled anew before it runs again: the generation has changed.
void Stream::ReplaceArena(Arena next) {
  std::unique_lock lock(mutex_);  // held, so that no job starts before the memory has changed
  drained_.wait(lock, [this] { return jobs_.empty() && !running_; });
  arena_ = std::move(next);
}

void Stream::Dispose(const std::shared_ptr<Array>& array) {
  if (array->disposed() || closed_) return;
  array->set_disposed();
  Queue({[array] { array->Free(); }, nullptr});
}

void Stream::Close() {
  if (std::exchange(closed_, true)) return;
  cancelled_ = true;
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  Wake();
  thread_.join();
  for (const auto& known : arrays_) {
    if (const auto array = known.lock()) {
      array->set_disposed();
      array->Free();
    }
  }
  for (const auto& known : programs_) {
    if (const auto program = known.lock()) program->Free();
  }
  arena_.Clear();
  staging_.Close();
  engine_ = nullptr;
  --Alive::streams;
}

void Stream::Run(std::shared_ptr<Program> program, std::byte* staging, Done done) {
  auto finish = [this, program, staging] {
    program->Finish(staging, RunContext{threads_, &cancelled_});
  };
  auto ended = [program] { return program->Ended(); };
  Queue({[this, program = std::move(program), staging] {
           program->Start(arena_, staging, RunContext{threads_, &cancelled_});
         },
         std::move(done), std::move(finish), std::move(ended)});
}

void Stream::Profile(std::shared_ptr<Program> program, std::byte* staging, Done done) {
  Queue({[this, program = std::move(program), staging] {
           program->Profile(arena_, staging, RunContext{threads_, &cancelled_});
         },
         std::move(done)});
}

void Stream::Time(std::shared_ptr<Program> program, std::byte* staging, Span milliseconds,
                  Done done) {
  Queue({[this, program = std::move(program), staging, milliseconds] {
           program->Time(arena_, staging, milliseconds, RunContext{threads_, &cancelled_});
         },
         std::move(done)});
}

void Stream::Write(std::shared_ptr<Array> array, size_t offset, const std::byte* from, size_t bytes,
                   Done done) {
  Queue({[this, array = std::move(array), offset, from, bytes] {
           engine_->Upload(array->data() + offset, from, bytes);
         },
         std::move(done)});
}

void Stream::Read(std::shared_ptr<Array> array, size_t offset, std::byte* into, size_t bytes,
                  Done done) {
  Queue({[this, array = std::move(array), offset, into, bytes] {
           engine_->Download(into, array->data() + offset, bytes);
         },
         std::move(done)});
}

void Stream::Call(std::function<void(const RunContext&)> work, Done done) {
  Queue({[this, work = std::move(work)] {
           work(RunContext{threads_, &cancelled_});
         },
         std::move(done)});
}

void Stream::Queue(Job job) {
  {
    std::lock_guard lock(mutex_);
    if (closing_) throw Error(kDisposed, Disposed().message);
    jobs_.push_back(std::move(job));
  }
  Wake();
}

void Stream::Wake() {
  changes_.fetch_add(1);
  changes_.notify_one();
}

void Stream::Loop() {
  const bool spin = Cpus() > 1;  // the next step is often a few microseconds away
  std::unique_lock lock(mutex_);
  for (;;) {
    const uint32_t changes = changes_.load();
    if (CanBegin()) {
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      running_ = true;
      lock.unlock();
      Begin(job);
      lock.lock();
    } else if (!started_.empty()) {
      lock.unlock();
      if (EndsBeforeChange(changes)) {
        Finish(started_.front());
        started_.pop_front();
      }
      lock.lock();
    } else {
      if (closing_) return;
      lock.unlock();
      Await(changes_, changes, spin);
      lock.lock();
      continue;
    }
    running_ = !started_.empty();
    if (jobs_.empty() && !running_) drained_.notify_all();
  }
}

/// With room for one more run: whether the oldest ends before something is queued, which may be that
/// run. Without room: true.
bool Stream::EndsBeforeChange(uint32_t changes) const {
  using std::chrono::microseconds;
  const auto began = std::chrono::steady_clock::now();
  while (started_.size() < engine_->InFlight() && !started_.front().ended()) {
    if (changes_.load() != changes) return false;
    if (std::chrono::steady_clock::now() - began > microseconds(200)) {
      std::this_thread::sleep_for(microseconds(50));  // it is a long one
    } else {
      std::this_thread::yield();
    }
  }
  return true;
}

/// Whether the next job may begin: with others in flight, only one that is started too.
bool Stream::CanBegin() const {
  if (jobs_.empty()) return false;
  return started_.empty() || (started_.size() < engine_->InFlight() && jobs_.front().finish);
}

void Stream::Begin(Job& job) {
  job.fault = Attempt(job, job.work);
  if (job.finish && !job.fault) {
    started_.push_back(std::move(job));
    return;
  }
  job.finish = nullptr;
  // Those before it end first, and as if it were not there.
  for (; !started_.empty(); started_.pop_front()) Finish(started_.front());
  Finish(job);
}

void Stream::Finish(Job& job) {
  if (job.finish) job.fault = Attempt(job, job.finish);
  if (job.fault && !poison_ && !cancelled_) poison_ = job.fault;
  job.work = job.finish = nullptr;  // whoever hears of the end finds its memory free
  if (job.done) job.done(std::move(job.fault));
}

std::optional<Fault> Stream::Attempt(const Job& job, const std::function<void()>& work) {
  if (!job.done) {
    work();
    return std::nullopt;
  }
  // What has been started is waited for in any case: it uses the job's memory.
  const bool waits = &work == &job.finish;
  if (!waits && cancelled_) return Disposed();
  if (!waits && poison_) return Poisoned();
  std::optional<Fault> fault;
  try {
    work();
  } catch (...) {
    fault = CurrentFault();
  }
  const bool on_its_way = !waits && job.finish && !fault;
  if (on_its_way) return std::nullopt;  // even if cancelled since: it must be waited for
  if (cancelled_) return Disposed();
  return poison_ ? Poisoned() : fault;
}

Fault Stream::Poisoned() const {
  return {kPoisoned, "an earlier fault left this model in an unknown state: " + poison_->message +
                         " (" + poison_->code + ")"};
}

}  // namespace bnlstm
