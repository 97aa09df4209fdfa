// Package benchmarks compares heddle with native goroutines and threads. It contains only
// benchmarks. From the root of the module, the command in folder table runs them in rounds and
// makes the tables of BENCHMARKS.md and README.md:
//
//	go run ./benchmarks/table -write
//	go run ./benchmarks/table -rows 'Service|Files' -rounds 3
//
// They also run as ordinary Go benchmarks:
//
//	go test -bench . -count 6 ./benchmarks | tee new.txt
//	benchstat -col '/impl@(goroutines heddle threads)' new.txt
//
// (benchstat is golang.org/x/perf/cmd/benchstat.) Each count takes about two and a half minutes.
// With -short, many benchmarks are smaller: they show that they run and that their results are
// right. Commands for other questions:
//
//	benchstat -col '/impl@(goroutines heddle),/pinning' new.txt # other pinnings too
//	benchstat -filter '/impl:heddle' old.txt new.txt
//	go test -bench Hog -benchtime 300x ./benchmarks    # a p99 of 300 short tasks
//	go test -bench Memory -parked 1000000 ./benchmarks # takes 3 GB
//
// # Names
//
// The name of a row is
//
//	Benchmark<Scenario>/impl=<side>/workers=<n>[/pinning=<p>][/<key>=<value>]
//
// impl is heddle, goroutines or threads, or in module benchmarks/rivals another library. With
// threads, each unit is a goroutine that is locked to a thread of its own. In every row the program
// has n Ps (GOMAXPROCS), and heddle has n workers. Without pinning=, heddle's workers have the
// default pinning, to threads. style= tells apart the ways in which goroutines can do the same. For
// example, the goroutines of Hog with style=gosched give way each millisecond, and those of Spawn
// with style=pool get their work over a channel. A row of heddle is compared with all rows of
// goroutines that agree with it in every key that both sides of the benchmark have, and the best of
// those rows counts.
//
// A row with against=<side>[+<side>] runs heddle and these sides itself. Each round runs each side
// once, in an order that rotates. For each measure, the row reports heddle's median, and the median
// and the quartiles of the rounds' ratios to the side that is best in that measure.
//
// # Units
//
// ns/op is the time of one unit of the scenario, as the benchmark's comment defines it. Rows that
// measure latencies report p50-ns and p99-ns over all units of the last run. In these rows ns/op is
// the mean latency, so pauses between units do not count. Memory reports B/task, and IdleCPU
// reports %core.
//
// Scenarios that need a process of their own (Memory, IdleCPU) run this test binary again for each
// measurement.
package benchmarks
