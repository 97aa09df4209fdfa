// The scenarios with OpenMP: tasks, a parallel for, and the sort of libstdc++'s parallel mode,
// which runs on OpenMP.
#include <omp.h>

#include <parallel/algorithm>

#include "bench.h"

static int64_t fib(int64_t n) {
  if (n < 2) return n;
  int64_t x, y;
#pragma omp task shared(x) firstprivate(n)
  x = fib(n - 1);
  y = fib(n - 2);
#pragma omp taskwait
  return x + y;
}

// Called by one thread of a team.
static void spawn(int64_t units, int64_t outstanding) {
  std::atomic<int64_t> ran{0};
  for (int64_t left = units; left > 0; left -= outstanding) {
    for (int64_t i = std::min(left, outstanding); i > 0; i--) {
#pragma omp task shared(ran)
      ran.fetch_add(1);
    }
#pragma omp taskwait
  }
  want("units", ran, units);
}

int main(int argc, char** argv) {
  Args args(argc, argv);
  const int64_t ops = args["ops"];
  omp_set_num_threads(args["workers"]);
  if (args.scenario == "Spawn") {
    const int64_t outstanding = args["outstanding"];
#pragma omp parallel
#pragma omp single
    {
      spawn(outstanding, outstanding);
      Clock clock;
      clock.start();
      spawn(ops, outstanding);
      clock.stop();
      clock.print(ops);
    }
  } else if (args.scenario == "Files") {
    run_files(args, [](std::vector<uint64_t>& out, int64_t n) {
#pragma omp parallel for
      for (size_t i = 0; i < out.size(); i++) out[i] = steps(i, n);
    });
  } else if (args.scenario == "Fib") {
#pragma omp parallel
#pragma omp single
    {
      fib(20);
      Clock clock;
      for (int64_t op = 0; op < ops; op++) {
        clock.start();
        int64_t got = fib(args["n"]);
        clock.stop();
        want("fib", got, args["value"]);
      }
      clock.print(ops);
    }
  } else if (args.scenario == "Sort") {
    run_sort(args, [](std::vector<int64_t>& xs) { __gnu_parallel::sort(xs.begin(), xs.end()); });
  } else {
    fail("no scenario " + args.scenario);
  }
}
