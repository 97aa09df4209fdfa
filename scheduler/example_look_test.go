//go:build !heddle_model

// Models leave out that locks note their holders: see internal/rt/watch_model.go.

package scheduler_test

import (
	"bytes"
	"fmt"
	"runtime/trace"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// The flight recorder keeps the last seconds of the Go tracer in memory. When a task stalls, the
// handler writes them, so that go tool trace shows what led to the stall, with the tasks by name.
func ExampleWithTraceTasks() {
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 2 * time.Second})
	if err := recorder.Start(); err != nil {
		panic(err)
	}
	defer recorder.Stop()
	var file bytes.Buffer // a program would create a file
	var written atomic.Bool
	sched, err := scheduler.New(
		scheduler.WithTraceTasks(),
		scheduler.WithStallAfter(50*time.Millisecond),
		scheduler.WithStallHandler(func(st scheduler.Stall) {
			if written.Load() {
				return // one trace is enough
			}
			if _, err := recorder.WriteTo(&file); err != nil {
				panic(err)
			}
			fmt.Println("wrote a trace because of", st.Name)
			written.Store(true)
		}),
	)
	if err != nil {
		panic(err)
	}
	defer sched.Close()
	_ = sched.Go(func(c *task.Ctx) {
		for !written.Load() { // no yield point
		}
	}, task.Name("hog")).Wait()
	fmt.Println(bytes.Contains(file.Bytes(), []byte("hog")))
	// Output:
	// wrote a trace because of hog
	// true
}

// Two tasks take two locks in different orders. Programs find the circle by Deadlocks; Dump prints
// it first.
func ExampleScheduler_Deadlocks() {
	sched, err := scheduler.New(scheduler.WithWaits())
	if err != nil {
		panic(err)
	}
	defer sched.Close()
	var locks [2]tsync.Mutex
	both := tsync.NewBarrier(2)
	cross := func(first, second int) func(c *task.Ctx) {
		return func(c *task.Ctx) {
			locks[first].Lock()
			_, _ = both.WaitContext(c) // so that both hold one
			_ = locks[second].LockContext(c)
		}
	}
	sched.Go(cross(0, 1), task.Name("transfer"))
	sched.Go(cross(1, 0), task.Name("audit"))
	found := false
	for !found { // a program would look from time to time
		for circle := range sched.Deadlocks() {
			found = true
			fmt.Println(len(circle), "tasks wait for each other for", circle[0].WaitsFor)
		}
		time.Sleep(time.Millisecond)
	}
	// Output: 2 tasks wait for each other for mutex
}
