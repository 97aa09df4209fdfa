// The scenarios with oneTBB: task_group, parallel_for, parallel_sort, and enqueue from outside.
#include <oneapi/tbb.h>

#include "bench.h"

namespace tbb = oneapi::tbb;

static int64_t fib(int64_t n) {
  if (n < 2) return n;
  int64_t x;
  tbb::task_group group;
  group.run([&x, n] { x = fib(n - 1); });
  int64_t y = fib(n - 2);
  group.wait();
  return x + y;
}

static void spawn(int64_t units, int64_t outstanding) {
  std::atomic<int64_t> ran{0};
  tbb::task_group group;
  for (int64_t left = units; left > 0; left -= outstanding) {
    for (int64_t i = std::min(left, outstanding); i > 0; i--) {
      group.run([&ran] { ran.fetch_add(1); });
    }
    group.wait();
  }
  want("units", ran, units);
}

int main(int argc, char** argv) {
  Args args(argc, argv);
  const int workers = args["workers"];
  const int64_t ops = args["ops"];
  if (args.scenario == "Submit") {
    // The producers are no workers, so the workers need a thread more than one of them gives.
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers + 1);
    tbb::task_arena arena(workers, 0);
    auto go = [&](int64_t units) {
      produce(units, args["producers"], args["outstanding"], [&](Latch& latch) {
        arena.enqueue([&latch] { latch.done(); });
      });
    };
    go(std::min(ops, args["outstanding"]));
    Clock clock;
    clock.start();
    go(ops);
    clock.stop();
    clock.print(ops);
    return 0;
  }
  tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
  tbb::task_arena arena(workers);
  arena.execute([&] {
    if (args.scenario == "Spawn") {
      spawn(args["outstanding"], args["outstanding"]);
      Clock clock;
      clock.start();
      spawn(ops, args["outstanding"]);
      clock.stop();
      clock.print(ops);
    } else if (args.scenario == "Files") {
      run_files(args, [](std::vector<uint64_t>& out, int64_t n) {
        tbb::parallel_for(tbb::blocked_range<size_t>(0, out.size()), [&](const auto& range) {
          for (size_t i = range.begin(); i < range.end(); i++) out[i] = steps(i, n);
        });
      });
    } else if (args.scenario == "Fib") {
      fib(20);
      Clock clock;
      for (int64_t op = 0; op < ops; op++) {
        clock.start();
        int64_t got = fib(args["n"]);
        clock.stop();
        want("fib", got, args["value"]);
      }
      clock.print(ops);
    } else if (args.scenario == "Sort") {
      run_sort(args, [](std::vector<int64_t>& xs) { tbb::parallel_sort(xs.begin(), xs.end()); });
    } else {
      fail("no scenario " + args.scenario);
    }
  });
}
