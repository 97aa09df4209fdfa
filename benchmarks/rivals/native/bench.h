// What the C++ programs share: their arguments, the clock, and checks. A program is called with the
// name of a scenario and arguments of the form key=number. It prints the nanoseconds of one
// operation.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

[[noreturn]] inline void fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

struct Args {
  std::string scenario;
  std::map<std::string, int64_t> numbers;

  Args(int argc, char** argv) {
    if (argc < 2) fail("want a scenario and arguments of the form key=number");
    scenario = argv[1];
    for (int i = 2; i < argc; i++) {
      std::string arg = argv[i];
      size_t at = arg.find('=');
      if (at == std::string::npos) fail("argument " + arg + ": want key=number");
      numbers[arg.substr(0, at)] = std::atoll(arg.c_str() + at + 1);
    }
  }

  int64_t operator[](const std::string& key) const {
    auto found = numbers.find(key);
    if (found == numbers.end() || found->second < 1) {
      fail(scenario + ": want " + key + "=, at least 1");
    }
    return found->second;
  }
};

inline void want(const char* what, int64_t got, int64_t wanted) {
  if (got != wanted) {
    fail(std::string(what) + ": got " + std::to_string(got) + ", want " + std::to_string(wanted));
  }
}

// A Clock adds up the times between start and stop.
class Clock {
 public:
  void start() { from_ = std::chrono::steady_clock::now(); }
  void stop() { sum_ += std::chrono::steady_clock::now() - from_; }
  void print(int64_t ops) const {
    std::printf("%.3f\n", std::chrono::duration<double, std::nano>(sum_).count() / ops);
  }

 private:
  std::chrono::steady_clock::time_point from_;
  std::chrono::steady_clock::duration sum_{};
};

// A Latch waits until as many units as were added are done. The waiter may end the Latch as soon as
// wait returns. So the last unit says under the lock that it is done, and wait does not look at the
// count: a waiter that saw the count reach 0 could return, and free the lock, before the unit that
// counted has taken it.
class Latch {
 public:
  void add(int64_t n) { left_ += n; }
  void done() {
    if (left_.fetch_sub(1) == 1) {
      std::lock_guard<std::mutex> lock(mu_);
      all_done_ = true;
      zero_.notify_one();
    }
  }
  // wait must follow an add.
  void wait() {
    std::unique_lock<std::mutex> lock(mu_);
    zero_.wait(lock, [this] { return all_done_; });
    all_done_ = false;
  }

 private:
  std::atomic<int64_t> left_{0};
  std::mutex mu_;
  std::condition_variable zero_;
  bool all_done_ = false;  // under mu_
};

// produce lets producers threads start units together, outstanding of them at a time, by calls of
// start, which gets the latch of its thread.
template <typename Start>
void produce(int64_t units, int64_t producers, int64_t outstanding, Start start) {
  int64_t batch = std::max<int64_t>(1, outstanding / producers);
  auto one = [&](int64_t left) {
    Latch latch;
    for (; left > 0; left -= batch) {
      int64_t n = std::min(left, batch);
      latch.add(n);
      for (int64_t i = 0; i < n; i++) start(latch);
      latch.wait();
    }
  };
  if (producers == 1) {
    one(units);
    return;
  }
  std::vector<std::thread> threads;
  for (int64_t p = 0; p < producers; p++) {
    int64_t share = units * (p + 1) / producers - units * p / producers;
    threads.emplace_back([&one, share] { one(share); });
  }
  for (auto& t : threads) t.join();
}

// steps is Steps of package harness.
inline uint64_t steps(uint64_t x, int64_t n) {
  for (int64_t i = 0; i < n; i++) x = (x ^ x >> 32) * 6364136223846793005u + 1442695040888963407u;
  return x;
}

// random_ints returns n ints, the same at each call.
inline std::vector<int64_t> random_ints(int64_t n) {
  std::vector<int64_t> xs(n);
  uint64_t x = 1;
  for (auto& v : xs) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    v = static_cast<int64_t>(x >> 1);
  }
  return xs;
}

// run_files times ops runs of fill, which computes out[i] = steps(i, n) for each index.
template <typename Fill>
void run_files(const Args& args, Fill fill) {
  std::vector<uint64_t> out(args["items"]);
  const int64_t n = args["steps"];
  uint64_t total = 0;
  for (size_t i = 0; i < out.size(); i++) total += steps(i, n);
  Clock clock;
  for (int64_t op = -1; op < args["ops"]; op++) {
    Clock first;
    Clock& c = op < 0 ? first : clock;
    c.start();
    fill(out, n);
    c.stop();
    uint64_t sum = 0;
    for (auto& v : out) {
      sum += v;
      v = 0;
    }
    want("sum", sum, total);
  }
  clock.print(args["ops"]);
}

// run_sort times ops runs of sort.
template <typename Sort>
void run_sort(const Args& args, Sort sort) {
  const auto from = random_ints(args["items"]);
  uint64_t total = 0;
  for (auto v : from) total += v;
  Clock clock;
  for (int64_t op = -1; op < args["ops"]; op++) {
    auto xs = from;
    Clock first;
    Clock& c = op < 0 ? first : clock;
    c.start();
    sort(xs);
    c.stop();
    uint64_t sum = 0;
    for (size_t i = 0; i < xs.size(); i++) {
      sum += xs[i];
      if (i > 0 && xs[i - 1] > xs[i]) fail("not sorted");
    }
    want("sum", sum, total);
  }
  clock.print(args["ops"]);
}
