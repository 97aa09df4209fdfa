package soak

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

func (p *party) group() {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	g := task.NewGroup(p.s)
	if p.rng.IntN(2) == 0 {
		g, _ = task.NewGroupContext(ctx, p.s)
	}
	if n := p.rng.IntN(5); n > 0 {
		g.SetLimit(n)
	}
	var called atomic.Int64
	n, bad := 1+p.rng.IntN(6), p.rng.IntN(12)
	for i := range n {
		err := g.GoContext(p.ctx, func(c *task.Ctx) error {
			called.Add(1)
			c.Yield()
			if i == bad {
				return errPlanted
			}
			return nil
		})
		if err != nil { // this party is cancelled, and has to wait for its members nevertheless
			check(ended(err), "Group.Go has failed")
			n = i
			break
		}
	}
	err := g.WaitContext(p.ctx)
	if p.cut.Load() {
		return
	}
	if err != nil && !errors.Is(err, errPlanted) {
		check(ended(err), "Group.Wait has failed")
		return
	}
	check(called.Load() == int64(n), "a member was not called, or twice")
	check((err != nil) == (bad < n), "a member's error is lost, or invented")
}

// nested makes groups with limits, some levels deep. Their members fork calls and wait in further
// groups inside.
func (p *party) nested() {
	depth := 1 + p.rng.IntN(3)
	if p.rng.IntN(8) == 0 {
		depth = 5
	}
	p.nest(p.c, p.rng.Uint64(), depth)
}

// nest makes a group as a part of the task c. It returns false if some functions that it started
// may not have been called.
func (w *world) nest(c *task.Ctx, seed uint64, depth int) bool {
	rng := rand.New(rand.NewPCG(seed, uint64(depth)))
	on := task.Starter(c)
	if rng.IntN(2) == 0 {
		on = w.s
	}
	g := task.NewGroup(on)
	g.SetLimit(1 + rng.IntN(4))
	wait := context.Context(c)
	if rng.IntN(2) == 0 {
		wait = context.WithoutCancel(c)
	}
	fan := 1 + rng.IntN(3)
	if depth > 3 {
		fan = 1 + rng.IntN(2)
	}
	calls := make([]atomic.Int32, fan)
	all := true
	for i := range fan {
		seed := rng.Uint64()
		err := g.GoContext(wait, func(c *task.Ctx) error {
			calls[i].Add(1)
			w.branch(c, seed, depth)
			return nil
		})
		if ended(err) {
			all = false
			break
		}
	}
	if ended(g.WaitContext(wait)) {
		all = false
	}
	if !all {
		return false
	}
	for i := range calls {
		check(calls[i].Load() == 1, "a member of a nested group was not called, or twice")
	}
	return true
}

// branch is the work of a member. While there is depth left, it forks calls that make groups.
func (w *world) branch(c *task.Ctx, seed uint64, depth int) {
	rng := rand.New(rand.NewPCG(seed, uint64(depth)))
	if depth == 0 || rng.IntN(8) == 0 {
		w.leaf(c, rng)
		return
	}
	a, b := rng.Uint64(), rng.Uint64()
	var calls [3]atomic.Int32
	switch rng.IntN(5) {
	case 0:
		w.nest(c, a, depth-1)
		return
	case 1:
		err := parallel.For(c, len(calls), func(c *task.Ctx, i int) {
			calls[i].Add(1)
			w.nest(c, a+uint64(i), depth-1)
		}, parallel.WithGrain(1))
		if ended(err) {
			return
		}
	case 2:
		parallel.Do(c,
			func(c *task.Ctx) { calls[0].Add(1); w.nest(c, a, depth-1) },
			func(c *task.Ctx) { calls[1].Add(1); w.leaf(c, rand.New(rand.NewPCG(a, b))) },
			func(c *task.Ctx) { calls[2].Add(1); w.nest(c, b, depth-1) })
	case 3:
		x := nestFunc.Fork(c, nestArg{w, a, depth - 1})
		y := nestFunc.Fork(c, nestArg{w, b, depth - 1})
		w.leaf(c, rng)
		if rng.IntN(2) == 0 {
			x, y = y, x
		}
		y.Join(c)
		x.Join(c)
		return
	case 4:
		parallel.InScope(c, func(s *parallel.Scope) {
			for i := range calls {
				s.Go(c, func(c *task.Ctx) {
					calls[i].Add(1)
					w.nest(c, b+uint64(i), depth-1)
				})
			}
		})
	}
	for i := range calls {
		check(calls[i].Load() == 1, "a forked call was not made, or twice")
	}
}

// A nestArg holds the arguments of a forked call of nest.
type nestArg struct {
	w     *world
	seed  uint64
	depth int
}

var nestFunc *parallel.Func[nestArg, bool]

func init() {
	nestFunc = parallel.Define(func(c *task.Ctx, a nestArg) bool { return a.w.nest(c, a.seed, a.depth) })
}

// leaf is the work of a member at the bottom. It may wait by other means than groups.
func (w *world) leaf(c *task.Ctx, rng *rand.Rand) {
	switch rng.IntN(6) {
	case 0:
		c.Yield()
	case 1:
		if !ended(w.mu.LockContext(c)) {
			w.guarded++
			w.locked.Add(1)
			w.mu.Unlock()
		}
	case 2:
		check(fib(c, 8) == fibs[8], "a recursion inside a member")
	case 3:
		if rng.IntN(4) == 0 {
			ended(c.Blocking(func() {}))
		}
	case 4:
		recovered(func() { panic(planted) })
	}
}

// loop calls one of the algorithms of package parallel and compares its result with that of a loop.
func (p *party) loop() {
	n := p.rng.IntN(3000)
	xs := make([]int, n)
	sum := 0
	for i := range xs {
		xs[i] = p.rng.IntN(1000)
		sum += xs[i]
	}
	add := func(a, b int) int { return a + b }
	switch grain := parallel.WithGrain(1 + p.rng.IntN(200)); p.rng.IntN(7) {
	case 0:
		calls := make([]atomic.Int32, n)
		err := parallel.For(p.c, n, func(c *task.Ctx, i int) { calls[i].Add(1) }, grain)
		if !ended(err) {
			for i := range calls {
				check(calls[i].Load() == 1, "For has left an index out, or called it twice")
			}
		}
	case 1:
		if v, err := parallel.Reduce(p.c, xs, 0, add, grain); !ended(err) {
			check(v == sum, "Reduce")
		}
	case 2:
		if vs, err := parallel.ScanInclusive(p.c, xs, add, grain); !ended(err) {
			acc := 0
			for i, x := range xs {
				acc += x
				check(vs[i] == acc, "ScanInclusive")
			}
		}
	case 3:
		if i, err := parallel.Find(p.c, xs, func(x int) bool { return x > 990 }, grain); !ended(err) {
			check(i == slices.IndexFunc(xs, func(x int) bool { return x > 990 }), "Find")
		}
	case 4:
		vs, err := parallel.Map(p.c, xs, func(c *task.Ctx, x int) int {
			if x%100 == 0 {
				c.Yield()
			}
			return -x
		}, grain)
		if !ended(err) {
			for i, x := range xs {
				check(vs[i] == -x, "Map")
			}
		}
	case 5:
		var seen atomic.Int64
		err := parallel.ForEachSeq(p.c, slices.Values(xs), func(c *task.Ctx, x int) { seen.Add(int64(x)) }, grain)
		if !ended(err) {
			check(seen.Load() == int64(sum), "ForEachSeq")
		}
	case 6:
		if n == 0 {
			return
		}
		if least, most, err := parallel.MinMax(p.c, xs, grain); !ended(err) {
			check(least == slices.Min(xs) && most == slices.Max(xs), "MinMax")
		}
	}
}

func (p *party) sort() {
	a := make([]int, 2000)
	for i := range a {
		a[i] = p.rng.IntN(1000)
	}
	want := slices.Sorted(slices.Values(a))
	if err := parallel.Sort(p.c, a); !ended(err) {
		check(slices.Equal(a, want), "Sort")
	}
}

// pull takes some or all values of a sequence that suspends the task.
func (p *party) pull() {
	n, most := p.rng.IntN(40), p.rng.IntN(60)
	over := false
	next, stop := task.Pull(p.c, func(yield func(int) bool) {
		defer func() { over = true }()
		for i := range n {
			if i%3 == 0 {
				p.c.Yield()
			}
			if !yield(i) {
				return
			}
		}
	})
	for i := range most {
		v, ok := next()
		check(ok == (i < n), "a sequence has ended too early, or too late")
		if !ok {
			break
		}
		check(v == i, "a sequence has given another value")
		p.pass()
	}
	stop()
	check(over || most == 0, "a sequence goes on after stop")
}
