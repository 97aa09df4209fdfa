package parallel_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// sites are all the places at which the package calls a user's function. Each calls an algorithm
// that takes such a function, and calls f in each call of the function.
var sites = map[string]func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option){
	"Fold.merge": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) {
		parallel.Fold(c, xs, 0, func(acc int, xs []int) int { linger(20 * len(xs)); return acc + len(xs) },
			func(a, b int) int { f(); return a + b }, opts...)
	},
	"Accumulate.fresh": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) {
		parallel.Accumulate(c, xs, func() int { f(); return 0 },
			func(_ *task.Ctx, acc int, xs []int) int { linger(20 * len(xs)); return acc + len(xs) },
			func(a, b int) int { return a + b }, opts...)
	},
	"Accumulate.merge": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) {
		parallel.Accumulate(c, xs, func() int { return 0 },
			func(c *task.Ctx, acc int, xs []int) int { c.Yield(); return acc + len(xs) },
			func(a, b int) int { f(); return a + b }, opts...)
	},
	"Reduce.op, the last": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) {
		last := xs[len(xs)-1]
		parallel.Reduce(c, xs, -1, func(a, b int) int {
			if a == -1 {
				f() // op sees init only after all parts have been joined
			}
			return last
		}, opts...)
	},
	"ForEachSeq.seq": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) {
		var seq iter.Seq[int] = func(yield func(int) bool) {
			for _, x := range xs {
				f()
				if !yield(x) {
					return
				}
			}
		}
		parallel.ForEachSeq(c, seq, func(*task.Ctx, int) { linger(20) }, opts...)
	},
	"WithProgress.show of For": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) {
		parallel.For(c, len(xs), func(*task.Ctx, int) { linger(20) }, append(opts, shows(f))...)
	},
	"WithProgress.show of Sort": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) {
		parallel.Sort(c, xs, append(opts, shows(f))...)
	},
	"WithProgress.show of Scan": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) {
		parallel.ScanInclusive(c, xs, func(a, b int) int { return a + b }, append(opts, shows(f))...)
	},
	"WithProgress.show of Fold": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) {
		parallel.Fold(c, xs, 0, func(a int, xs []int) int { return a + len(xs) }, func(a, b int) int { return a + b }, append(opts, shows(f))...)
	},
	"Do of two": func(c *task.Ctx, _ []int, f func(), _ ...parallel.Option) {
		var tree func(c *task.Ctx, n int)
		tree = func(c *task.Ctx, n int) {
			if f(); n > 0 {
				parallel.Do(c, func(c *task.Ctx) { tree(c, n-1) }, func(c *task.Ctx) { tree(c, n-1) })
			}
		}
		parallel.Do(c, func(c *task.Ctx) { tree(c, 6) }, func(c *task.Ctx) { tree(c, 3) })
	},
	"Do of three": func(c *task.Ctx, _ []int, f func(), _ ...parallel.Option) {
		var tree func(c *task.Ctx, n int)
		tree = func(c *task.Ctx, n int) {
			if f(); n > 0 {
				child := func(c *task.Ctx) { tree(c, n-1) }
				parallel.Do(c, child, child, child)
			}
		}
		parallel.Do(c, func(c *task.Ctx) { tree(c, 4) })
	},
	"InScope.fn": func(c *task.Ctx, _ []int, f func(), _ ...parallel.Option) {
		parallel.InScope(c, func(s *parallel.Scope) {
			for range 30 {
				s.Go(c, func(*task.Ctx) { linger(500) })
				f()
			}
		})
	},
	"InScope.child": func(c *task.Ctx, _ []int, f func(), _ ...parallel.Option) {
		parallel.InScope(c, func(s *parallel.Scope) {
			for range 30 {
				s.Go(c, func(c *task.Ctx) {
					f()
					parallel.InScope(c, func(s *parallel.Scope) { s.Go(c, func(*task.Ctx) { f() }) })
				})
			}
		})
	},
	"Func": func(c *task.Ctx, _ []int, f func(), _ ...parallel.Option) {
		type node struct{ n int }
		var tree *parallel.Func[node, int]
		tree = parallel.Define(func(c *task.Ctx, x node) int {
			if f(); x.n == 0 {
				return 1
			}
			a, b := tree.Fork(c, node{x.n - 1}), tree.Fork(c, node{x.n - 1})
			return b.Join(c) + a.Join(c)
		})
		tree.Fork(c, node{7}).Join(c)
	},
	"Both": func(c *task.Ctx, _ []int, f func(), _ ...parallel.Option) {
		var tree *parallel.Func[int, int]
		tree = parallel.Define(func(c *task.Ctx, n int) int {
			if f(); n == 0 {
				return 1
			}
			a, b := tree.Both(c, n-1, n-1)
			return a + b
		})
		tree.Fork(c, 7).Join(c) // this Join makes a PanicError of the panic
	},
	"CallAll": func(c *task.Ctx, _ []int, f func(), _ ...parallel.Option) {
		var tree *parallel.Func[int, int]
		tree = parallel.Define(func(c *task.Ctx, n int) int {
			if f(); n == 0 {
				return 1
			}
			sum := 0
			var room [12]int
			for _, k := range tree.AppendAll(c, room[:0], [...][]int{1: {0, 0}, 2: {0, 1, 1}, 3: {2, 1, 0, 0, 2, 1, 0, 0, 0, 0, 2, 2}}[n]) {
				sum += k
			}
			return sum
		})
		tree.CallAll(c, []int{3, 3, 3, 3})
	},
}

func shows(f func()) parallel.Option { return parallel.WithProgress(0, func(int, int) { f() }) }

func init() {
	for name, alg := range algorithms {
		sites[name] = func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) { alg(c, xs, f, opts...) }
	}
}

// everySite runs each site with a fault in one call of the user's function: in the first ones, and
// in some later ones.
func everySite(t *testing.T, try func(s *scheduler.Scheduler, run func(c *task.Ctx, fault func()) siteEnd) error) {
	for name, site := range sites {
		t.Run(name, func(t *testing.T) {
			for _, workers := range []int{1, 2, 4} {
				t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
					s := open(t, workers)
					for round := range max(scale(40), 8) {
						n := 4000
						if testkit.Race {
							n = 1000
						}
						var opts []parallel.Option
						if round%2 == 1 {
							opts = append(opts, parallel.WithGrain(1<<rand.IntN(9)))
						}
						at := int64(1 + round/2)
						if round >= 8 {
							at = 1 + rand.Int64N(1<<rand.IntN(12))
						}
						xs := numbers(n, uint64(round))
						before := slices.Sorted(slices.Values(xs))
						err := try(s, func(c *task.Ctx, fault func()) siteEnd {
							return runSite(c, at, fault, func(f func()) { site(c, xs, f, opts...) })
						})
						require.NoError(t, err, "round %d, call %d", round, at)
						require.Equal(t, before, slices.Sorted(slices.Values(xs)), "the slice does not have its elements any more")
					}
				})
			}
		})
	}
}

// A siteEnd is the state when a site has ended, by a return, a panic or a Goexit.
type siteEnd struct {
	reached bool // whether the call with the fault was made
	v       any  // the recovered value
	err     error
}

// runSite calls site and makes its at-th call end by fault.
func runSite(c *task.Ctx, at int64, fault func(), site func(f func())) (e siteEnd) {
	before := fib.Fork(c, 10)
	d := (*rt.Life)(c).Task()
	outstanding := d.Outstanding()
	var calls, running atomic.Int64
	var over atomic.Bool
	var reached, late atomic.Bool
	defer func() {
		e.v = recover()
		e.reached = reached.Load()
		if n := running.Load(); n != 0 {
			e.err = errors.Join(e.err, fmt.Errorf("%d calls have not ended", n))
		}
		if n := d.Outstanding(); n != outstanding {
			e.err = errors.Join(e.err, fmt.Errorf("%d calls are forked, want %d", n, outstanding))
		}
		over.Store(true)
		for range 3 {
			c.Yield()
		}
		if late.Load() {
			e.err = errors.Join(e.err, errors.New("the function was called after the end"))
		}
		if n := before.Join(c); n != 55 {
			e.err = errors.Join(e.err, fmt.Errorf("the call forked before: %d", n))
		}
		ends(c, e)
	}()
	site(func() {
		running.Add(1)
		defer running.Add(-1)
		if over.Load() {
			late.Store(true)
		}
		linger(10)
		if calls.Add(1) == at {
			reached.Store(true)
			fault()
		}
	})
	return e
}

// ends tells the test how a site ended, because after a Goexit runSite does not return.
func ends(c *task.Ctx, e siteEnd) {
	if p, ok := c.Value(endKey{}).(*siteEnd); ok {
		*p = e
	}
}

type endKey struct{}

// Whichever function panics in whichever call, all calls have ended when the caller sees the panic,
// nothing stays forked, and the caller gets the value and the stack.
func TestPanicAtEverySite(t *testing.T) {
	everySite(t, func(s *scheduler.Scheduler, run func(c *task.Ctx, fault func()) siteEnd) error {
		var e siteEnd
		within(t, s, func(c *task.Ctx) error { e = run(c, panicHere); return e.err })
		pe, _ := e.v.(*task.PanicError)
		switch {
		case !e.reached && e.v == nil:
			return nil
		case pe == nil:
			return fmt.Errorf("got %T: %v", e.v, e.v)
		case pe.Value != errOops || len(pe.Stack) == 0:
			return fmt.Errorf("got %v", pe)
		}
		return nil
	})
}

// The same holds for runtime.Goexit. It ends the task with ErrGoexit, whether the joiner or a thief
// made the call.
func TestGoexitAtEverySite(t *testing.T) {
	everySite(t, func(s *scheduler.Scheduler, run func(c *task.Ctx, fault func()) siteEnd) error {
		e, err := exitOf(s, func(c *task.Ctx) { run(c, runtime.Goexit) })
		switch {
		case e.err != nil:
			return e.err
		case e.v != nil:
			return fmt.Errorf("recovered %v", e.v)
		case e.reached != (err == task.ErrGoexit):
			return fmt.Errorf("reached: %v; the task's error: %v", e.reached, err)
		}
		return nil
	})
}

// exitOf runs f as a task. It returns how the site in f ended, and the task's error.
func exitOf(s *scheduler.Scheduler, f func(c *task.Ctx)) (e siteEnd, err error) {
	err = s.Go(f, task.Parent(contextWith(&e))).Wait()
	return e, err
}

// A meet is a pair of calls. One is stolen, that is, a task of its own makes it, before the other
// goes on.
type meet struct {
	own    *task.Ctx   // the Ctx of the caller
	under  atomic.Bool // the caller's call has started
	stolen atomic.Bool // the other call has started
}

// call is one of the two calls. The stolen one calls fault if inStolen is set, and otherwise the
// caller's one does.
func (m *meet) call(c *task.Ctx, inStolen bool, fault func(), under *atomic.Int32) {
	under.Add(1)
	defer under.Add(-1)
	if c == m.own {
		m.under.Store(true)
		for !m.stolen.Load() {
			c.Yield() // exposes the other call, which this worker may run as a task of its own
		}
		if !inStolen {
			fault()
		}
		return
	}
	m.stolen.Store(true)
	for !m.under.Load() {
		c.Yield()
	}
	if inStolen {
		fault()
	}
	for range 5 {
		linger(1000)
		c.Yield()
	}
}

// pairs make two calls of f in parallel. The calls may wait for each other.
var pairs = map[string]func(c *task.Ctx, f func(c *task.Ctx)){
	"Do": func(c *task.Ctx, f func(c *task.Ctx)) { parallel.Do(c, f, f) },
	"Do of 4": func(c *task.Ctx, f func(c *task.Ctx)) {
		parallel.Do(c, func(c *task.Ctx) { parallel.Do(c, f) }, f, func(*task.Ctx) {}, func(*task.Ctx) {})
	},
	"InScope": func(c *task.Ctx, f func(c *task.Ctx)) {
		parallel.InScope(c, func(s *parallel.Scope) {
			s.Go(c, f)
			f(c)
		})
	},
	"For": func(c *task.Ctx, f func(c *task.Ctx)) { parallel.For(c, 2, func(c *task.Ctx, _ int) { f(c) }) },
	"ForRange": func(c *task.Ctx, f func(c *task.Ctx)) {
		parallel.ForRange(c, 0, 2, func(c *task.Ctx, lo, hi int) { f(c) }, parallel.WithGrain(1))
	},
	"ForEach": func(c *task.Ctx, f func(c *task.Ctx)) {
		parallel.ForEach(c, make([]int, 2), func(c *task.Ctx, _ *int) { f(c) })
	},
	"Map": func(c *task.Ctx, f func(c *task.Ctx)) {
		parallel.Map(c, make([]int, 2), func(c *task.Ctx, _ int) int { f(c); return 0 })
	},
	"Func": func(c *task.Ctx, f func(c *task.Ctx)) {
		g := parallel.Define(func(c *task.Ctx, _ int) int { f(c); return 0 })
		x := g.Fork(c, 0)
		c.Yield() // exposes x
		f(c)
		x.Join(c)
	},
	"CallAll": func(c *task.Ctx, f func(c *task.Ctx)) {
		parallel.Define(func(c *task.Ctx, of int) int {
			if c.Yield(); of > 0 {
				f(c)
			}
			return 0
		}).CallAll(c, []int{1, 0, 1})
	},
}

// A Goexit, for example by testify's require, ends the task with ErrGoexit after all calls have
// ended, whether the call was stolen or not.
func TestGoexitStolenOrNot(t *testing.T) {
	for name, pair := range pairs {
		for _, workers := range []int{1, 2, 4} {
			for _, inStolen := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/workers=%d/stolen=%v", name, workers, inStolen), func(t *testing.T) {
					s := open(t, workers)
					for range max(scale(40), 4) {
						var under atomic.Int32
						var passed, all bool
						f := &failing{}
						err := s.Go(func(c *task.Ctx) {
							defer func() { passed, all = recover() == nil, under.Load() == 0 || name == "Func" }()
							m := &meet{own: c}
							pair(c, func(c *task.Ctx) {
								m.call(c, inStolen, func() { require.Equal(f, 1, 2) }, &under)
							})
							t.Error("the algorithm returned")
						}).Wait()
						require.Equal(t, task.ErrGoexit, err)
						require.True(t, passed, "a panic came by")
						require.True(t, all, "a call had not ended")
						require.Zero(t, under.Load())
						require.True(t, f.failed.Load())
					}
				})
			}
		}
	}
}

// failing is a testing.T that records a failure.
type failing struct{ failed atomic.Bool }

func (f *failing) Errorf(string, ...any) { f.failed.Store(true) }
func (f *failing) FailNow()              { runtime.Goexit() }

// Do and InScope call all their functions even if some call Goexit. If one panics, the task has its
// panic.
func TestGoexitAndPanicTogether(t *testing.T) {
	for _, workers := range []int{1, 2, 4} {
		s, handled := openHandled(t, workers)
		for round := range 32 {
			var ran atomic.Int32
			body := func(i int) func(c *task.Ctx) {
				return func(*task.Ctx) {
					ran.Add(1)
					switch {
					case round&16 != 0 && i == round%4:
						panicHere()
					case round&(1<<(i%4)) != 0:
						runtime.Goexit()
					}
				}
			}
			for name, all := range map[string]func(c *task.Ctx){
				"Do": func(c *task.Ctx) { parallel.Do(c, body(0), body(1), body(2), body(3)) },
				"Do2": func(c *task.Ctx) {
					parallel.Do(c, func(c *task.Ctx) { parallel.Do(c, body(0), body(1)) }, func(c *task.Ctx) { parallel.Do(c, body(2), body(3)) })
				},
				"InScope": func(c *task.Ctx) {
					parallel.InScope(c, func(s *parallel.Scope) {
						for i := range 4 {
							s.Go(c, body(i))
						}
					})
				},
				"For": func(c *task.Ctx) {
					parallel.For(c, 4, func(c *task.Ctx, i int) { body(i)(c) })
					ran.Store(4) // a loop need not call the rest
				},
			} {
				ran.Store(0)
				err := s.Go(all).Wait()
				switch {
				case name == "For" && (round&15 == 0 || round&16 == 0):
				case round&16 != 0 && name != "For":
					require.ErrorIs(t, err, errOops, "%s, round %d", name, round)
				case round&15 != 0 && name != "For":
					require.Equal(t, task.ErrGoexit, err, "%s, round %d", name, round)
				}
				if pe := (*task.PanicError)(nil); errors.As(err, &pe) {
					require.Equal(t, pe, <-handled)
				}
				if name != "For" {
					require.EqualValues(t, 4, ran.Load(), "%s, round %d", name, round)
				}
			}
		}
	}
}

// One call panics and another one, which is stolen, calls Goexit, or the other way round. The panic
// is not lost.
func TestPanicBesideGoexit(t *testing.T) {
	for name, pair := range pairs {
		for _, panics := range []string{"own", "stolen"} {
			t.Run(name+"/"+panics, func(t *testing.T) {
				s, handled := openHandled(t, 2)
				for range max(scale(40), 4) {
					var under atomic.Int32
					err := s.Go(func(c *task.Ctx) {
						m := &meet{own: c}
						pair(c, func(c *task.Ctx) {
							fault := func() { panicHere() }
							if stolen := c != m.own; stolen != (panics == "stolen") {
								fault = runtime.Goexit
							}
							m.call(c, true, fault, &under)
							fault() // the caller's own call gets here
						})
					}).Wait()
					if name == "Func" && panics == "stolen" { // the Goexit prevents the join
						require.Error(t, err)
					} else {
						require.ErrorIs(t, err, errOops)
					}
					if pe := (*task.PanicError)(nil); errors.As(err, &pe) {
						require.Equal(t, pe, <-handled)
					}
				}
			})
		}
	}
}

// A sort loses no elements if compare calls Goexit.
func TestGoexitInSortKeepsTheElements(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for round := range max(scale(60), 10) {
			xs := numbers(2000, uint64(round))
			before := slices.Sorted(slices.Values(xs))
			var calls atomic.Int64
			at := 1 + rand.Int64N(20_000)
			sort := parallel.SortFunc[int]
			if round%2 == 1 {
				sort = parallel.SortStableFunc[int]
			}
			s.Go(func(c *task.Ctx) {
				sort(c, xs, func(a, b int) int {
					if calls.Add(1) == at {
						runtime.Goexit()
					}
					return cmp.Compare(a, b)
				}, parallel.WithGrain(16<<rand.IntN(4)))
			}).Wait()
			slices.Sort(xs)
			require.Equal(t, before, xs)
		}
	})
}

// contextWith returns a context whose task reports to e how its site ended.
func contextWith(e *siteEnd) context.Context {
	return context.WithValue(context.Background(), endKey{}, e)
}
