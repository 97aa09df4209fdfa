package preempt_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/preempt"
)

// A unit of work finds out by itself when its quantum is over. It polls its flag, and reads the
// clock only when the budget is spent.
func ExampleSlice() {
	var (
		flag  preempt.Flag
		slice preempt.Slice
		now   int64 // a clock that each step of work moves by 1 µs
	)
	const quantum = 10 * time.Millisecond
	steps, looks := 0, 0
	slice.Begin(&flag)
	for {
		now += int64(time.Microsecond)
		steps++
		if !flag.Poll() {
			continue
		}
		looks++
		if slice.Spent(&flag, now, quantum) {
			break
		}
	}
	fmt.Println("over after", slice.Age(now).Round(time.Millisecond))
	fmt.Println("fewer than 1 look in 500 steps:", looks*500 < steps)
	// Output:
	// over after 11ms
	// fewer than 1 look in 500 steps: true
}

// A worker runs pieces of work one after the other. A monitor asks a piece that runs for too long
// to give way.
type worker struct {
	flag    preempt.Flag
	id      atomic.Uint32 // of the present piece, or 0
	stalled chan uint32
}

// Dispatch returns the present piece of work.
func (w *worker) Dispatch() (preempt.Dispatch, bool) {
	id := w.id.Load()
	return preempt.Dispatch{Flag: &w.flag, ID: id}, id != 0
}

// Stalled is called for a piece that does not poll.
func (w *worker) Stalled(d preempt.Dispatch, _ time.Duration) { w.stalled <- d.ID }

func ExampleMonitor() {
	w := &worker{stalled: make(chan uint32, 1)}
	m := preempt.NewMonitor(preempt.Config{Units: []preempt.Unit{w}, Quantum: time.Millisecond})
	m.Start()
	defer m.Stop()

	w.flag.Grant(1 << 20)
	w.id.Store(1)
	for !w.flag.Asked(1) { // a piece that polls, and never ends by itself
		if !w.flag.Poll() {
			runtime.Gosched()
		}
	}
	fmt.Println("piece 1 gives way")

	w.id.Store(2) // a piece that never polls
	m.SetStall(5 * time.Millisecond)
	fmt.Printf("piece %d is stalled\n", <-w.stalled)
	w.id.Store(0)
	// Output:
	// piece 1 gives way
	// piece 2 is stalled
}
