package parallel_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// Panics of forked calls. The joiner sees the same panic whether the join or another worker made
// the call.

// A fall is a tree of calls, one of which panics. path gives the child to go to at each level. Each
// call forks three children, does disturbing things, and joins them.
type fall struct {
	path    []int           // path to the call that panics, or nil if no call below panics
	rng     uint64          // decides when to disturb
	running []*atomic.Int32 // by depth: number of running calls whose parent is on the path
	depth   int
}

var falls *parallel.Func[fall, int]

func init() { falls = parallel.Define(fallBody) }

func fallBody(c *task.Ctx, f fall) int {
	n := f.running[f.depth]
	n.Add(1)
	defer n.Add(-1)
	if f.path != nil && len(f.path) == 0 {
		// This call is never joined, because of the panic.
		falls.Fork(c, fall{nil, f.rng, f.running, f.depth + 1})
		if f.rng%2 == 0 {
			c.Yield()
		}
		panicHere()
	}
	if f.depth == len(f.running)-1 {
		linger(int(f.rng % 5000))
		return 1
	}
	var calls [3]*parallel.Call[fall, int]
	for i := range calls {
		child := fall{nil, f.rng*31 + uint64(i), f.running, f.depth + 1}
		if f.path != nil && f.path[0] == i {
			child.path = f.path[1:]
		}
		calls[i] = falls.Fork(c, child)
		if f.rng%7 == 0 {
			c.Yield()
		}
	}
	sum := 1
	for i := len(calls) - 1; i >= 0; i-- {
		sum += calls[i].Join(c)
	}
	return sum
}

// Whichever worker makes the call, the joiner gets a *task.PanicError with the value and the stack
// of the call that panicked, and no call forked below the joined one runs any more. Calls that the
// joiner forked before are not touched.
func TestPanicOfAForkedCall(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for round := range scale(120) {
			within(t, s, func(c *task.Ctx) error {
				f := fall{path: []int{}, rng: uint64(round) * 2654435761, running: make([]*atomic.Int32, 5)}
				for i := range f.running {
					f.running[i] = new(atomic.Int32)
				}
				for i := range round % 4 {
					f.path = append(f.path, (round>>i)%3)
				}
				before := fib.Fork(c, 12)
				x := falls.Fork(c, f)
				if round%3 == 0 {
					c.Yield()
				}
				pe := panicOf(func() { x.Join(c) })
				left := int32(0)
				for _, n := range f.running {
					left += n.Load()
				}
				switch {
				case pe == nil || pe.Value != errOops:
					return fmt.Errorf("round %d: got %v", round, pe)
				case left != 0:
					return fmt.Errorf("round %d: %d calls have not ended", round, left)
				case !strings.Contains(string(pe.Stack), "panicHere"):
					return fmt.Errorf("round %d: not the call's stack:\n%s", round, pe.Stack)
				}
				if n := before.Join(c); n != 144 {
					return fmt.Errorf("round %d: the call forked before: %d", round, n)
				}
				return nil
			})
		}
	})
}

// Siblings that other workers have started have ended when the joiner sees a panic, and can be
// joined.
func TestPanicAwaitsStartedSiblings(t *testing.T) {
	for _, n := range workerCounts[1:] {
		s := open(t, n)
		for range scale(100) {
			within(t, s, func(c *task.Ctx) error {
				started := make(chan struct{})
				var ended atomic.Bool
				slow := parallel.Define(func(c *task.Ctx, _ int) int {
					close(started)
					for range 5 {
						linger(2000)
						c.Yield()
					}
					ended.Store(true)
					return 7
				})
				bad := parallel.Define(func(*task.Ctx, int) int { panic(errOops) })
				sibling := slow.Fork(c, 0)
				c.Yield() // exposes the call
				<-started // holds this worker, so another one takes the call
				x := bad.Fork(c, 0)
				pe := panicOf(func() { x.Join(c) })
				switch {
				case pe == nil || pe.Value != errOops:
					return fmt.Errorf("got %v", pe)
				case !ended.Load():
					return fmt.Errorf("the sibling has not ended")
				case sibling.Join(c) != 7:
					return fmt.Errorf("the sibling's result")
				}
				return nil
			})
		}
	}
}

// A panic on its way through many joins becomes a *task.PanicError once, and does not make the
// stack longer. The time is linear in the depth.
func TestPanicThroughManyJoins(t *testing.T) {
	n := 100_000
	if testkit.Race || testing.Short() {
		n = 5000
	}
	var down *parallel.Func[int, int]
	down = parallel.Define(func(c *task.Ctx, k int) int {
		if k == 0 {
			panicHere()
		}
		return down.Fork(c, k-1).Join(c) + 1
	})
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			pe := panicOf(func() { down.Call(c, n) })
			if pe == nil || pe.Value != errOops || !strings.Contains(string(pe.Stack), "panicHere") {
				return fmt.Errorf("got %v", pe)
			}
			return nil
		})
	})
}

// Functions on the way may recover, and may panic again with the same value or another one.
func TestPanicsOnTheWay(t *testing.T) {
	var down *parallel.Func[int, error]
	down = parallel.Define(func(c *task.Ctx, k int) (err error) {
		if k == 0 {
			panic(0)
		}
		defer func() {
			pe, ok := recover().(*task.PanicError)
			if !ok || pe.Value != k-1 {
				err = fmt.Errorf("level %d: got %v", k, pe)
				return
			}
			switch k % 3 {
			case 0:
				panic(k) // replaces the panic
			case 1:
				func() {
					defer func() { recover() }()
					down.Fork(c, 0).Join(c) // a panic that is recovered at once
				}()
				panic(&task.PanicError{Value: k, Stack: pe.Stack})
			}
			defer panic(k) // panics during another panic
			panic("lost")
		}()
		return down.Fork(c, k-1).Join(c)
	})
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for range scale(50) {
			within(t, s, func(c *task.Ctx) error {
				var err error
				if raise := mustPanic("Join", 9, func() { err = down.Fork(c, 9).Join(c) }); raise != nil {
					return fmt.Errorf("%v; %v", raise, err)
				}
				return nil
			})
		}
	})
}

// A panic that no function recovers is the task's error, as it was raised. Its value is not wrapped
// twice.
func TestPanicEndsTheTask(t *testing.T) {
	bad := parallel.Define(func(*task.Ctx, int) int { panicHere(); return 0 })
	for _, n := range workerCounts {
		s, ch := openHandled(t, n)
		err := s.Go(func(c *task.Ctx) { bad.Fork(c, 0).Join(c) }).Wait()
		pe, ok := err.(*task.PanicError)
		if !ok || pe.Value != errOops || !strings.Contains(string(pe.Stack), "panicHere") || <-ch != pe {
			t.Fatalf("%d workers: %v", n, err)
		}
	}
}

// Goexit passes through the joins.
func TestGoexitOfAForkedCall(t *testing.T) {
	var down *parallel.Func[int, int]
	down = parallel.Define(func(c *task.Ctx, k int) int {
		if k == 0 {
			runtime.Goexit()
		}
		return down.Fork(c, k-1).Join(c)
	})
	s := open(t, 1)
	passed := false
	err := s.Go(func(c *task.Ctx) {
		defer func() { passed = recover() == nil }()
		down.Fork(c, 10).Join(c)
	}).Wait()
	if err != task.ErrGoexit || !passed {
		t.Fatalf("err %v, passed %v", err, passed)
	}
}

// A call that a panic has unwound cannot be joined any more: Join panics.
func TestJoinOfALostCall(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for _, yields := range []bool{false, true} {
			within(t, s, func(c *task.Ctx) error {
				var lost *parallel.Call[int, int]
				bad := parallel.Define(func(c *task.Ctx, _ int) int {
					lost = fib.Fork(c, 3)
					if yields {
						c.Yield()
					}
					panic(errOops)
				})
				x := bad.Fork(c, 0)
				if err := mustPanic("Join", errOops, func() { x.Join(c) }); err != nil {
					return err
				}
				if pe := panicText(func() { lost.Join(c) }); pe == nil || !strings.Contains(fmt.Sprint(pe.Value), "Join by another task") {
					return fmt.Errorf("got %v", pe)
				}
				return nil
			})
		}
	})
}
