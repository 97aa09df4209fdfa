// Package benchmarks measures heddle beside native goroutines and threads. It
// holds nothing but benchmarks. From the root of the module, the command in folder table runs them in rounds and makes
// the tables of BENCHMARKS.md and README.md:
//
//	go run ./benchmarks/table -write
//	go run ./benchmarks/table -rows 'Service|Files' -rounds 3
//
// They are Go benchmarks as well:
//
//	go test -bench . -count 6 ./benchmarks | tee new.txt
//	benchstat -col '/impl@(goroutines heddle threads)' new.txt
//
// (benchstat is golang.org/x/perf/cmd/benchstat.) Each count takes about two and a half
// minutes. With -short IdleCPU looks for half a second instead of five, Calls has a fifth of its units, and UTS has a
// goroutine for each node of one tree only. Other questions:
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
//	Benchmark<Scenario>/impl=<side>/workers=<n>[/pinning=<p>][/<key>=<value>]
//
// impl is heddle, goroutines, or threads, where every unit is a goroutine
// locked to a thread of its own. The program has n Ps (GOMAXPROCS) in every row, and
// heddle n workers. Without pinning=, heddle's workers are pinned to threads, the
// default. style= tells apart several ways in which goroutines do the same: Hog's with
// style=gosched give way each millisecond, Spawn's with style=pool are fed by a channel. A
// row of heddle is compared with all rows of goroutines that agree with it in every key that both
// sides of the benchmark have, and the best of them counts.
//
// A row with against=<side>[+<side>] runs heddle and these sides itself: each round runs each side
// once, in an order that rotates. It reports heddle's median and the median and the quartiles of the
// rounds' ratios, for each of its measures, to the side that is best in it.
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
