package schedprom_test

import (
	"encoding/json"
	"expvar"
	"fmt"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Stats is published by one line, and /debug/vars has it as JSON.
func Example_expvar() {
	sched, err := scheduler.New(scheduler.WithWorkers(2))
	if err != nil {
		panic(err)
	}
	defer sched.Close()
	expvar.Publish("heddle", expvar.Func(func() any { return sched.Stats() }))

	if err := sched.Go(func(*task.Ctx) {}).Wait(); err != nil {
		panic(err)
	}
	var shown struct{ Workers, Spawned int }
	if err := json.Unmarshal([]byte(expvar.Get("heddle").String()), &shown); err != nil {
		panic(err)
	}
	fmt.Println(shown.Workers, "workers,", shown.Spawned, "task")
	// Output: 2 workers, 1 task
}
