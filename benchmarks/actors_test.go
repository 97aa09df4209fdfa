package benchmarks

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// actors is the number of actors in BenchmarkActorTree, and actorKids is the maximum number of
// children of each.
var actors = 200_000

const (
	actorKids   = 4
	actorRounds = 1 // how often the root asks
)

func init() {
	if testkit.Race {
		actors = 2000 // the race detector allows for 8,128 goroutines at a time
	}
}

// BenchmarkActorTree runs units that talk over channels of their own. ns/op is one run.
//
// program=actors: 200,000 actors form a tree. Each actor has a channel on which it receives its
// parent's questions and its children's answers. The root asks once. Each actor passes the question
// on, adds up its children's answers, and answers its parent. At the end the channels are closed.
// All actors are alive at the same time.
//
// program=fib: fib(25) with one unit for each addition. Each unit sends its result over a channel.
//
// The baseline is the same program on goroutines and native channels. BenchmarkActorMemory reports
// the memory of both.
func BenchmarkActorTree(b *testing.B) {
	run(b, heddle, func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		versus(b, timed(heddle, func() { want(b, "answers", actorsHeddle(s), actorAnswer()) }),
			timed("channels", func() { want(b, "answers", actorsGoroutines(), actorAnswer()) }))
	}, "program=actors", "against=channels")
	const n, value = 25, 75_025
	run(b, heddle, func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		versus(b, timed(heddle, func() {
			err := s.Go(func(c *task.Ctx) { want(b, "fib", fibChan(c, n), value) }).Wait()
			want(b, "error", err, nil)
		}), timed("channels", func() { want(b, "fib", fibSendGoroutines(n), value) }))
	}, "program=fib", "against=channels")
}

// BenchmarkActorMemory runs the actors of BenchmarkActorTree once in a process of its own, and
// reports the largest resident set of that process, divided by the number of actors.
func BenchmarkActorMemory(b *testing.B) {
	if _, err := peakSet(); err != nil {
		b.Skip(err)
	}
	for _, impl := range []string{goroutines, heddle} {
		for _, workers := range []int{1, 2} {
			runRow(b, fmt.Sprintf("impl=%s/workers=%d", impl, workers), func(b *testing.B) {
				probe(b, "actors", impl, workers)
			})
		}
	}
}

// actorProbe is the child of BenchmarkActorMemory. Its arguments are impl and workers.
func actorProbe(args []string) (map[string]float64, error) {
	workers, err := strconv.Atoi(args[1])
	if err != nil {
		return nil, err
	}
	runtime.GOMAXPROCS(workers)
	sum := 0
	if args[0] == heddle {
		s, err := scheduler.New(scheduler.WithWorkers(workers))
		if err != nil {
			return nil, err
		}
		defer func() { _ = s.Close() }() // the process ends anyway
		sum = actorsHeddle(s)
	} else {
		sum = actorsGoroutines()
	}
	if sum != actorAnswer() {
		return nil, fmt.Errorf("the actors answer %d, want %d", sum, actorAnswer())
	}
	peak, err := peakSet()
	return map[string]float64{"peak-B/task": float64(peak) / float64(actors)}, err
}

// peakSet returns the largest resident set that the process has had, in bytes. It works on Linux
// only.
func peakSet() (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kb int64
			_, err := fmt.Sscan(rest, &kb)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("there is no VmHWM in /proc/self/status")
}

// actorAnswer returns the answer that the root must get. Each question is a number, and each actor
// adds 1 to it and answers with the result.
func actorAnswer() int {
	sum := 0
	for q := range actorRounds {
		sum += actors * (q + 1)
	}
	return sum
}

// shareOf returns the size of the i-th of the subtrees into which n actors are divided.
func shareOf(n, i int) int { return (n + i) / actorKids }

func actorsGoroutines() int {
	// An actor is the root of a subtree of n actors. It gets questions from ask, and sends its
	// answers to answers, which is its parent's channel.
	var actor func(n int, ask <-chan int, answers chan<- int)
	actor = func(n int, ask <-chan int, answers chan<- int) {
		mine := make(chan int)
		var children []chan int
		for i := range actorKids {
			if k := shareOf(n-1, i); k > 0 {
				child := make(chan int)
				children = append(children, child)
				go actor(k, child, mine)
			}
		}
		for q := range ask {
			for _, child := range children {
				child <- q
			}
			sum := q + 1
			for range children {
				sum += <-mine
			}
			answers <- sum
		}
		for _, child := range children {
			close(child)
		}
		for range children {
			<-mine
		}
		answers <- 0 // says that the actor has ended
	}
	ask, answers := make(chan int), make(chan int)
	go actor(actors, ask, answers)
	sum := 0
	for q := range actorRounds {
		ask <- q
		sum += <-answers
	}
	close(ask)
	return sum + <-answers
}

func actorsHeddle(s *scheduler.Scheduler) (sum int) {
	var actor func(c *task.Ctx, n int, ask, answers *tsync.Chan[int])
	actor = func(c *task.Ctx, n int, ask, answers *tsync.Chan[int]) {
		mine := tsync.NewChan[int](0)
		var children []*tsync.Chan[int]
		for i := range actorKids {
			if k := shareOf(n-1, i); k > 0 {
				child := tsync.NewChan[int](0)
				children = append(children, child)
				c.Go(func(c *task.Ctx) { actor(c, k, child, mine) })
			}
		}
		for q := range ask.All(c) {
			for _, child := range children {
				must(child.Send(c, q))
			}
			sum := q + 1
			for range children {
				v, _, err := mine.Recv(c)
				must(err)
				sum += v
			}
			must(answers.Send(c, sum))
		}
		for _, child := range children {
			child.Close()
		}
		for range children {
			_, _, err := mine.Recv(c)
			must(err)
		}
		must(answers.Send(c, 0)) // says that the actor has ended
	}
	must(s.Go(func(c *task.Ctx) {
		ask, answers := tsync.NewChan[int](0), tsync.NewChan[int](0)
		c.Go(func(c *task.Ctx) { actor(c, actors, ask, answers) })
		for q := range actorRounds {
			must(ask.Send(c, q))
			v, _, err := answers.Recv(c)
			must(err)
			sum += v
		}
		ask.Close()
		v, _, err := answers.Recv(c)
		must(err)
		sum += v
	}).Wait())
	return sum
}

// fibChan computes fib(n) with one task for each addition. Each task sends its result over a
// channel.
func fibChan(c *task.Ctx, n int) int {
	if n < 2 {
		return n
	}
	result := tsync.NewChan[int](1)
	c.Go(func(c *task.Ctx) { must(result.Send(c, fibChan(c, n-1))) })
	y := fibChan(c, n-2)
	x, _, err := result.Recv(c)
	must(err)
	return x + y
}

// TestShareOf checks that the subtrees add up to the whole.
func TestShareOf(t *testing.T) {
	for n := range 100 {
		sum := 0
		for i := range actorKids {
			sum += shareOf(n, i)
		}
		if sum != n {
			t.Errorf("the shares of %d add up to %d", n, sum)
		}
	}
}
