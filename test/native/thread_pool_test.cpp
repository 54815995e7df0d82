#include "core/thread_pool.h"

#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "check.h"

namespace bnlstm {
namespace {

void Run(int threads, const std::function<void(Team&)>& body) {
  ThreadPool::Shared().Run(threads, body);
}

TEST(PoolAvailable) { CHECK(ThreadPool::Available() >= 1); }

TEST(PoolTeams) {
  for (const int threads : {1, 2, 5, 2, 1, 5}) {
    std::vector<int> ranks(static_cast<size_t>(threads), 0);
    std::vector<int> items(1000, 0);
    Run(threads, [&](Team& team) {
      CHECK_EQ(team.size(), threads);
      ++ranks[static_cast<size_t>(team.rank())];
      const Range range = Share(1000, team);
      for (int64_t i = range.begin; i < range.end; ++i) ++items[static_cast<size_t>(i)];
    });
    CHECK_EQ(std::accumulate(ranks.begin(), ranks.end(), 0), threads);
    CHECK(std::set<int>(ranks.begin(), ranks.end()) == std::set<int>{1});
    CHECK(std::set<int>(items.begin(), items.end()) == std::set<int>{1});
  }
}

// Each member reads what its neighbour wrote before the barrier: plain memory, so that
// ThreadSanitizer sees it too.
TEST(PoolBarriers) {
  for (const int threads : {1, 2, 5}) {
    for (int region = 0; region < 50; ++region) {
      std::vector<int> values(static_cast<size_t>(threads), 0);
      Run(threads, [&](Team& team) {
        const auto own = static_cast<size_t>(team.rank());
        const auto next = (own + 1) % static_cast<size_t>(team.size());
        for (int round = 1; round <= 40; ++round) {
          values[own] = round;
          team.Barrier();
          CHECK_EQ(values[next], round);
          team.Barrier();
        }
      });
    }
  }
}

TEST(PoolNestedRegionIsAlone) {
  std::atomic<int> nested{0};
  Run(2, [&](Team&) {
    Run(5, [&](Team& team) {
      CHECK_EQ(team.size(), 1);
      team.Barrier();
      ++nested;
    });
  });
  CHECK_EQ(nested.load(), 2);
}

TEST(PoolBusyRunsAlone) {
  Run(2, [&](Team& team) {
    if (team.rank() == 0) {
      // A thread that is in no region, while this one holds the pool.
      int size = 0;
      std::thread([&] { Run(5, [&](Team& other) { size = other.size(); }); }).join();
      CHECK_EQ(size, 1);
    }
    team.Barrier();
  });
}

TEST(PoolExceptions) {
  for (const int threads : {1, 2, 5}) {
    for (int thrower = 0; thrower < threads; ++thrower) {
      for (int repeat = 0; repeat < 20; ++repeat) {
        std::atomic<int> released{0};
        std::string caught;
        try {
          Run(threads, [&](Team& team) {
            try {
              team.Barrier();
              if (team.rank() != thrower) team.Barrier();
            } catch (const std::runtime_error&) {
              ++released;
              throw;
            }
            throw std::runtime_error("thrown by one");
          });
        } catch (const std::runtime_error& error) {
          caught = error.what();
        }
        CHECK_EQ(caught, "thrown by one");
        CHECK_EQ(released.load(), threads - 1);
      }
    }
    int sum = 0;  // and the pool still works
    Run(threads, [&](Team& team) {
      team.Barrier();
      if (team.rank() == 0) sum = 1;
    });
    CHECK_EQ(sum, 1);
  }
}

TEST(PoolCallersFromManyThreads) {
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 300; ++i) {
        std::vector<int64_t> sums(5, 0);
        Run(1 + (caller + i) % 5, [&](Team& team) {
          const Range range = Share(100, team);
          for (int64_t k = range.begin; k < range.end; ++k) {
            sums[static_cast<size_t>(team.rank())] += k;
          }
          team.Barrier();
        });
        if (std::accumulate(sums.begin(), sums.end(), int64_t{0}) != 4950) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace bnlstm
