package tsync_test

import (
	"context"
	"fmt"
	"log"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// Tasks produce values. An ordinary goroutine, with a context of its own, consumes them.
func ExampleChan() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	squares := tsync.NewChan[int](0)
	sched.Go(func(c *task.Ctx) {
		defer squares.Close()
		for i := range 4 {
			if err := squares.Send(c, i*i); err != nil {
				return // the task was cancelled
			}
		}
	})
	for v := range squares.All(context.Background()) {
		fmt.Println(v)
	}
	// Output:
	// 0
	// 1
	// 4
	// 9
}

func ExampleSelect() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	numbers, quit := tsync.NewChan[int](0), tsync.NewChan[string](0)
	sched.Go(func(c *task.Ctx) {
		for i := range 3 {
			_ = numbers.Send(c, i)
		}
		_ = quit.Send(c, "enough")
	})
	err = sched.Go(func(c *task.Ctx) {
		number, end := numbers.RecvCase(), quit.RecvCase()
		for {
			chosen, err := tsync.Select(c, number, end)
			if err != nil {
				return // the task was cancelled
			}
			switch chosen {
			case number:
				fmt.Println("number", number.Value)
			case end:
				fmt.Println(end.Value)
				return
			}
		}
	}).Wait()
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// number 0
	// number 1
	// number 2
	// enough
}

// The function of the chosen case gets what the case received.
func ExampleOnRecv() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	numbers, words := tsync.NewChan[int](0), tsync.NewChan[string](0)
	sched.Go(func(c *task.Ctx) {
		_ = numbers.Send(c, 1)
		_ = words.Send(c, "two")
		numbers.Close()
	})
	err = sched.Go(func(c *task.Ctx) {
		open := true
		number := tsync.OnRecv(numbers, func(v int, ok bool) {
			open = ok
			fmt.Println("number", v, ok)
		})
		word := tsync.OnRecv(words, func(v string, ok bool) { fmt.Println("word", v) })
		for open {
			if _, err := tsync.Select(c, number, word); err != nil {
				return // the task was cancelled
			}
		}
	}).Wait()
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// number 1 true
	// word two
	// number 0 false
}

// A task waits for a heddle channel and for a native one, whose sender knows nothing of tasks.
func ExampleRecvNative() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	numbers, quit := tsync.NewChan[int](0), make(chan struct{})
	sched.Go(func(c *task.Ctx) {
		_ = numbers.Send(c, 1)
		go close(quit)
	})
	err = sched.Go(func(c *task.Ctx) {
		number, end := numbers.RecvCase(), tsync.RecvNative(quit)
		for {
			chosen, err := tsync.Select(c, number, end)
			if err != nil {
				return // the task was cancelled
			}
			if chosen == end {
				fmt.Println("quit, open:", end.OK)
				return
			}
			fmt.Println("number", number.Value)
		}
	}).Wait()
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// number 1
	// quit, open: false
}

// TrySelect is a select with a default clause. It needs no task and no context, because it never
// waits.
func ExampleTrySelect() {
	numbers, words := tsync.NewChan[int](1), tsync.NewChan[string](1)
	number, word := numbers.RecvCase(), words.RecvCase()
	for range 2 {
		switch chosen, _ := tsync.TrySelect(number, word); chosen {
		case number:
			fmt.Println("number", number.Value)
		case word:
			fmt.Println("word", word.Value)
		default:
			fmt.Println("nothing yet")
			words.TrySend("shed")
		}
	}
	// Output:
	// nothing yet
	// word shed
}

func ExampleMutex() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	var (
		m     tsync.Mutex
		total int
		all   tsync.WaitGroup
	)
	err = sched.Go(func(c *task.Ctx) {
		for i := range 100 {
			all.Go(func() { // runs as a task, because a task calls Go
				m.Lock()
				defer m.Unlock()
				total += i
				if c, ok := task.Current(); ok {
					c.Yield() // a task may be suspended while it holds m
				}
			})
		}
		all.Wait()
	}).Wait()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(total)
	// Output: 4950
}

// One task at a time works on each account. Tasks for different accounts do not wait for each
// other.
func ExampleKeyedMutex() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	var accounts tsync.KeyedMutex[string]
	balance := map[string]*int{"warp": new(int), "weft": new(int)}
	g := task.NewGroup(sched)
	for i := range 100 {
		name := [...]string{"warp", "weft"}[i%2]
		g.Go(func(c *task.Ctx) error {
			if err := accounts.LockContext(c, name); err != nil {
				return err // the task was cancelled, and the account is not locked
			}
			defer accounts.Unlock(name)
			old := *balance[name]
			c.Yield() // for example, while it asks a server
			*balance[name] = old + i
			return nil
		})
	}
	err = g.Wait()
	fmt.Println(*balance["warp"], *balance["weft"], err)
	// Output: 2450 2500 <nil>
}

// Two tasks send work to each other. If both channels were bounded, each task could wait for room
// in the other's channel.
func ExampleNewUnbounded() {
	sched, err := scheduler.New()
	if err != nil {
		log.Fatal(err)
	}
	defer sched.Close()

	orders, receipts := tsync.NewUnbounded[int](), tsync.NewUnbounded[string]()
	sched.Go(func(c *task.Ctx) {
		defer receipts.Close()
		for n := range orders.All(c) {
			receipts.TrySend(fmt.Sprint("order ", n)) // never waits and always sends
		}
	})
	err = sched.Go(func(c *task.Ctx) {
		for n := range 100 {
			orders.TrySend(n)
		}
		orders.Close()
		last := ""
		for text := range receipts.All(c) {
			last = text
		}
		fmt.Println(last)
	}).Wait()
	if err != nil {
		log.Fatal(err)
	}
	// Output: order 99
}
