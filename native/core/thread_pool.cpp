#include "core/thread_pool.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <utility>

#include "core/cpus.h"

namespace bnlstm {
namespace {

thread_local bool in_region = false;

struct InRegion {
  InRegion() { in_region = true; }
  ~InRegion() { in_region = outer; }
  const bool outer = in_region;
};

class Alone : public Team {
 public:
  Alone() : Team(0, 1) {}
  void Barrier() override {}
};

}  // namespace

class ThreadPool::Member : public Team {
 public:
  Member(int rank, ThreadPool& pool) : Team(rank, pool.size_), pool_(pool) {}

  void Barrier() override {
    // In this order: Fail raises failed_ before the phase, so a member that reads the raised phase
    // sees it here, and any other is released by the raise.
    const uint32_t phase = pool_.phase_.load();
    if (!pool_.failed_.load()) {
      if (pool_.arrived_.fetch_add(1) + 1 == static_cast<uint32_t>(size())) {
        pool_.arrived_.store(0);
        pool_.phase_.fetch_add(1);
        pool_.phase_.notify_all();
      } else {
        Await(pool_.phase_, phase, pool_.spin_);
      }
    }
    if (pool_.failed_.load()) {
      std::lock_guard lock(pool_.error_mutex_);
      std::rethrow_exception(pool_.error_);
    }
  }

 private:
  ThreadPool& pool_;
};

ThreadPool& ThreadPool::Shared() {
  static ThreadPool* const pool = new ThreadPool;  // never deleted: workers may use it at exit
  return *pool;
}

int ThreadPool::Available() {
  static const int available = [] {
    const char* cap = std::getenv("BNLSTM_THREADS");
    const int number = cap ? std::atoi(cap) : 0;
    return number > 0 ? std::min(number, Cpus()) : Cpus();
  }();
  return available;
}

void ThreadPool::Run(int threads, const std::function<void(Team&)>& body) {
  if (threads <= 1 || in_region || busy_.exchange(true)) {
    const InRegion inside;
    Alone alone;
    return body(alone);
  }
  const int workers = Grow(threads - 1);
  body_ = &body;
  size_ = workers + 1;
  spin_ = size_ <= Cpus();
  failed_ = false;
  arrived_ = 0;  // a failed region leaves members behind
  running_ = static_cast<uint32_t>(workers);
  for (int i = 0; i < workers; ++i) {
    workers_[i].regions.fetch_add(1);
    workers_[i].regions.notify_one();
  }
  RunMember(0);
  while (const uint32_t running = running_.load()) Await(running_, running, spin_);
  const std::exception_ptr error = std::exchange(error_, nullptr);
  busy_ = false;
  if (error) std::rethrow_exception(error);
}

/// Sees to it that there are so many workers, if the system allows; returns how many to use.
int ThreadPool::Grow(int workers) {
  while (static_cast<int>(workers_.size()) < workers) {
    Worker& worker = workers_.emplace_back();
    const int rank = static_cast<int>(workers_.size());
    try {
      std::thread([this, &worker, rank] { Work(worker, rank); }).detach();
    } catch (const std::system_error&) {
      workers_.pop_back();
      return static_cast<int>(workers_.size());
    }
  }
  return workers;
}

void ThreadPool::Work(Worker& worker, int rank) {
  bool spin = false;
  for (uint32_t regions = 0;; ++regions) {
    Await(worker.regions, regions, spin);
    spin = spin_;  // before running_ falls: the next region may change it
    RunMember(rank);
    if (running_.fetch_sub(1) == 1) running_.notify_all();
  }
}

void ThreadPool::RunMember(int rank) noexcept {
  const InRegion inside;
  Member member(rank, *this);
  try {
    (*body_)(member);
  } catch (...) {
    Fail(std::current_exception());
  }
}

void ThreadPool::Fail(std::exception_ptr error) {
  {
    std::lock_guard lock(error_mutex_);
    if (!error_) error_ = std::move(error);
  }
  failed_ = true;
  phase_.fetch_add(1);
  phase_.notify_all();
}

}  // namespace bnlstm
