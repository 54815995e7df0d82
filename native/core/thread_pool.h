#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>

#include "core/wait.h"

namespace bnlstm {

/// One member's view of a parallel region.
class Team {
 public:
  virtual ~Team() = default;
  int rank() const { return rank_; }
  int size() const { return size_; }
  /// Returns once every member has arrived; what each wrote before is then visible to all.
  virtual void Barrier() = 0;

 protected:
  Team(int rank, int size) : rank_(rank), size_(size) {}

 private:
  int rank_, size_;
};

/// The half-open range of `count` items that a member owns. Contiguous, so that a member's units
/// are the same in every region over the same count.
struct Range {
  int64_t begin, end;
};
inline Range Share(int64_t count, const Team& team) {
  return {count * team.rank() / team.size(), count * (team.rank() + 1) / team.size()};
}

/// Process-wide worker threads, started on first use, as many as the largest team so far, and
/// never joined: they and the pool outlive every static destructor.
///
/// Waiting (at a barrier, for the end of a region, for the next one) spins for microseconds and
/// then sleeps in the kernel, so that a CPU taken by another process costs its share and no more.
class ThreadPool {
 public:
  static ThreadPool& Shared();

  /// CPUs to use when no number was asked for: affinity mask and cgroup quota, capped by the
  /// environment variable BNLSTM_THREADS; at least 1.
  static int Available();

  /// Runs `body` on `threads` members at once, the caller being rank 0, and returns when all have
  /// returned. The team is smaller if the system starts no more threads, and has one member if
  /// another caller holds the pool or this thread is in a region already: results must not depend
  /// on the team's size. An exception of any member is rethrown; a member that throws between
  /// barriers releases the others from theirs with the same exception.
  void Run(int threads, const std::function<void(Team&)>& body);

 private:
  static constexpr size_t kCacheLine = 64;

  class Member;
  struct Worker {
    alignas(kCacheLine) Word regions{0};  // how many it was called to
  };

  ThreadPool() = default;
  int Grow(int workers);
  void Work(Worker& worker, int rank);
  void RunMember(int rank) noexcept;
  void Fail(std::exception_ptr error);

  std::atomic<bool> busy_{false};
  std::deque<Worker> workers_;  // touched by the holder of busy_ alone; grows, never moves

  // The one region that runs. Written by the holder of busy_ before it calls the workers.
  const std::function<void(Team&)>* body_ = nullptr;
  int size_ = 0;
  bool spin_ = false;
  std::mutex error_mutex_;
  std::exception_ptr error_;
  alignas(kCacheLine) std::atomic<bool> failed_{false};
  alignas(kCacheLine) Word arrived_{0};  // members at the barrier
  alignas(kCacheLine) Word phase_{0};    // barriers passed
  alignas(kCacheLine) Word running_{0};  // workers that have not returned
};

}  // namespace bnlstm
