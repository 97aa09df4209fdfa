// Package rivals has the rows of other libraries for scenarios of package benchmarks, under the
// same names and with the same units. From the root of the heddle module, the command in
// benchmarks/table runs them right after heddle's rows, and writes the table of peers in
// BENCHMARKS.md:
//
//	go run ./benchmarks/table -rows 'Spawn|Submit|Files|Fib|Sort' -rounds 3
//
// It is a module of its own, so heddle does not depend on the libraries.
//
// # Libraries for Go
//
// Each library is used as its documentation shows it. A pool has as many workers as the row.
//
//   - pond: NewPool(workers). Units are started with Go, which returns no handle.
//   - ants: style=limit is NewPool(workers), whose Submit waits for a free worker. style=free is
//     the default pool, which is not limited.
//   - conc: Submit uses pool.New().WithMaxGoroutines(workers), Spawn and Fib use conc.WaitGroup,
//     and Files uses iter.
//   - workerpool: New(workers) and Submit.
//   - gopool: style=limit is NewPool with a cap of workers, and style=free is the default pool.
//   - errgroup: with SetLimit(workers) in Files, without a limit elsewhere.
//
// A unit of pond, workerpool or a limited pool that starts others and waits for them holds its
// worker while it waits. With one worker it waits forever. So these have no rows in Spawn and Fib.
//
// # Libraries of other languages
//
// The rows of OpenMP, oneTBB, Rayon and Tokio run programs from folder native. The rows build them
// with c++ and cargo from the packages that the system has, and never download anything. On Debian
// these are g++, libtbb-dev, cargo, librust-rayon-dev and librust-tokio-dev. If something is
// missing, listing the rows prints a line "absent", the library and the reason, and the library has
// no rows. A program repeats the operation as often as the benchmark asks it to, checks its
// results, and reports the time without its own start and without a first run that starts its
// threads.
//
// Libraries have no row in scenarios that they have no means for: OpenMP in Submit, Tokio in Files,
// Fib and Sort. OpenMP has no row in Fib for n=35, whose 15 million tasks take it many seconds. Its
// row in Sort is the parallel mode of libstdc++, which runs on OpenMP.
package rivals
