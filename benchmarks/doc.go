// Package benchmarks measures heddle beside native goroutines and threads. It
// holds nothing but benchmarks. From the root of the module:
//
//	go test -bench . -count 6 ./benchmarks | tee new.txt
//	benchstat -col '/impl@(goroutines heddle threads)' new.txt
//
// (benchstat is golang.org/x/perf/cmd/benchstat.) Each count takes about two and a half
// minutes. With -short IdleCPU looks for half a second instead of five. Other questions:
//
//	benchstat -col '/impl@(goroutines heddle),/pinning' new.txt # other pinnings too
//	benchstat -filter '/impl:heddle' old.txt new.txt
//	go test -bench Hog -benchtime 300x ./benchmarks    # a p99 of 300 short tasks
//	go test -bench Memory -parked 1000000 ./benchmarks # takes 3 GB
//
// # Names
//
// A row is
//
//	Benchmark<Scenario>/impl=<who>/workers=<n>[/pinning=<p>][/<key>=<value>]
//
// impl is heddle, goroutines, or threads, where every unit is a goroutine
// locked to a thread of its own. The program has n Ps (GOMAXPROCS) in every row, and
// heddle n workers. Without pinning=, heddle's workers are pinned to threads, the
// default.
//
// # Units
//
// ns/op is the time of one unit of the scenario, as the benchmark's comment says.
// Latencies are reported as p50-ns and p99-ns of all the units of the last run, and ns/op is
// then their mean: the pauses between the units do not count. Memory reports B/task,
// IdleCPU %core.
//
// Scenarios that need a process of their own (Memory, IdleCPU) run this
// test binary once more for every measurement.
package benchmarks
