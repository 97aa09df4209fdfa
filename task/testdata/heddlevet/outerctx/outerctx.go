// Package outerctx forks with a Ctx of another function where that is wrong, and where it is right.
package outerctx

import (
	"slices"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

var double = parallel.Define(func(_ *task.Ctx, n int) int { return 2 * n })

var kept *task.Ctx

func outer(c *task.Ctx) {
	kept = c
	c.Go(func(mine *task.Ctx) {
		x := double.Fork(c, 1)                  // want `Func.Fork with c, which is not of this function`
		x.Join((c))                             // want `Call.Join with c`
		double.Call(c, 1)                       // want `Func.Call with c`
		double.CallAll(c, nil)                  // want `Func.CallAll with c`
		double.AppendAll(c, nil, nil)           // want `Func.AppendAll with c`
		double.Fork(kept, 1)                    // want `Func.Fork with kept`
		task.Pull(c, slices.Values[[]int](nil)) // want `task.Pull with c`
		double.Fork(mine, 1).Join(mine)
		fork := func() { double.Fork(c, 1) } // want `Func.Fork with c`
		fork()
	})
	g := task.NewGroup(c)
	g.Go(func(*task.Ctx) error {
		double.Fork(c, 1) // want `Func.Fork with c`
		return nil
	})
	parallel.InScope(c, func(s *parallel.Scope) {
		s.Go(c, func(child *task.Ctx) {
			s.Go(c, func(*task.Ctx) {}) // want `Scope.Go with c`
			parallel.InScope(child, func(s *parallel.Scope) { s.Go(child, func(*task.Ctx) {}) })
		})
	})
}

// What acts on the caller may be given any Ctx, as may the functions that a task calls itself.
func right(c *task.Ctx, ch *tsync.Chan[int]) {
	x := double.Fork(c, 1)
	func() { x.Join(c) }()
	each := func(n int) int { return double.Call(c, n) }
	_ = each(1)
	c.Go(func(*task.Ctx) {
		c.Yield()
		_ = ch.Send(c, 1)
		_ = parallel.For(c, 3, func(*task.Ctx, int) {})
		parallel.Do(c, func(*task.Ctx) {})
		if c, ok := task.Current(); ok {
			double.Fork(c, 1).Join(c)
		}
	})
}

// fib has a Ctx of its own in each call.
var fib = parallel.Recursive(func(fib *parallel.Func[int, int]) func(c *task.Ctx, n int) int {
	return func(c *task.Ctx, n int) int {
		if n < 2 {
			return n
		}
		x := fib.Fork(c, n-1)
		y := fib.Call(c, n-2)
		return x.Join(c) + y
	}
})
