package parallel_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A pair can be told apart from others that compare equal.
type pair struct{ key, at int }

func byKey(a, b pair) int { return cmp.Compare(a.key, b.key) }

// join is associative and not commutative, and has no inverse.
func join(a, b string) string { return a + b }

// check compares every algorithm with its sequential meaning.
func check(c *task.Ctx, xs []int, opts ...parallel.Option) error {
	n := len(xs)
	var wrong []string
	expect := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	fine := func(err error) { expect(err == nil, "error %v", err) }

	hits := make([]atomic.Int32, n)
	fine(parallel.For(c, n, func(_ *task.Ctx, i int) { hits[i].Add(1) }, opts...))
	fine(parallel.ForRange(c, 0, n, func(_ *task.Ctx, lo, hi int) {
		for i := lo; i < hi; i++ {
			hits[i].Add(1)
		}
	}, opts...))
	fine(parallel.ForRange(c, -n, 0, func(_ *task.Ctx, lo, hi int) {
		for i := lo; i < hi; i++ {
			hits[-i-1].Add(1)
		}
	}, opts...))
	for i := range hits {
		expect(hits[i].Load() == 3, "index %d: %d times", i, hits[i].Load())
	}

	ys := slices.Clone(xs)
	fine(parallel.ForEach(c, ys, func(_ *task.Ctx, x *int) { *x++ }, opts...))
	for i := range ys {
		expect(ys[i] == xs[i]+1, "ForEach at %d", i)
	}

	var sum, count atomic.Int64
	fine(parallel.ForEachSeq(c, slices.Values(xs), func(_ *task.Ctx, x int) { sum.Add(int64(x)); count.Add(1) }, opts...))
	want := int64(0)
	for _, x := range xs {
		want += int64(x)
	}
	expect(sum.Load() == want && int(count.Load()) == n, "ForEachSeq")

	texts, err := parallel.Map(c, xs, func(_ *task.Ctx, x int) string { return fmt.Sprint(x, " ") }, opts...)
	fine(err)
	seq := make([]string, n)
	for i, x := range xs {
		seq[i] = fmt.Sprint(x, " ")
	}
	expect(slices.Equal(texts, seq), "Map")

	odd := func(x int) bool { return x&1 == 1 }
	got, err := parallel.Filter(c, xs, odd, opts...)
	fine(err)
	expect(slices.Equal(got, slices.DeleteFunc(slices.Clone(xs), func(x int) bool { return !odd(x) })), "Filter")

	text, err := parallel.Reduce(c, texts, ">", join, opts...)
	fine(err)
	expect(text == ">"+strings.Join(seq, ""), "Reduce")
	text, err = parallel.Fold(c, xs, "", func(acc string, xs []int) string {
		for _, x := range xs {
			acc += fmt.Sprint(x, " ")
		}
		return acc
	}, join, opts...)
	fine(err)
	expect(text == strings.Join(seq, ""), "Fold")

	for _, exclusive := range []bool{false, true} {
		var scanned []string
		if exclusive {
			scanned, err = parallel.ScanExclusive(c, short(texts), ">", join, opts...)
		} else {
			scanned, err = parallel.ScanInclusive(c, short(texts), join, opts...)
		}
		fine(err)
		acc := ""
		if exclusive {
			acc = ">"
		}
		for i, x := range short(seq) {
			before := acc
			acc += x
			if !exclusive {
				before = acc
			}
			expect(i < len(scanned) && scanned[i] == before, "scan, exclusive %v, at %d", exclusive, i)
		}
		expect(len(scanned) == len(short(seq)), "scan: length")
	}

	sorted := slices.Sorted(slices.Values(xs))
	ys = slices.Clone(xs)
	fine(parallel.Sort(c, ys, opts...))
	expect(slices.Equal(ys, sorted), "Sort")
	ys = slices.Clone(xs)
	fine(parallel.SortFunc(c, ys, func(a, b int) int { return cmp.Compare(b, a) }, opts...))
	slices.Reverse(ys)
	expect(slices.Equal(ys, sorted), "SortFunc")
	ps := make([]pair, n)
	for i, x := range xs {
		ps[i] = pair{x % 7, i}
	}
	qs := slices.Clone(ps)
	slices.SortStableFunc(qs, byKey)
	rs := slices.Clone(ps)
	fine(parallel.SortStableFunc(c, rs, byKey, opts...))
	expect(slices.Equal(rs, qs), "SortStableFunc")

	at, err := parallel.Find(c, xs, func(x int) bool { return x%13 == 5 }, opts...)
	fine(err)
	expect(at == slices.IndexFunc(xs, func(x int) bool { return x%13 == 5 }), "Find: %d", at)

	if n > 0 {
		least, most, err := parallel.MinMax(c, xs, opts...)
		fine(err)
		expect(least == sorted[0] && most == sorted[n-1], "MinMax")
		p, q, err := parallel.MinMaxFunc(c, ps, byKey, opts...)
		fine(err)
		expect(p == slices.MinFunc(ps, byKey) && q == slices.MaxFunc(ps, byKey), "MinMaxFunc: %v, %v", p, q)
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong[:min(len(wrong), 5)], "; "))
	}
	return nil
}

// short bounds what is scanned, as the strings grow with each element.
func short[T any](xs []T) []T { return xs[:min(len(xs), 300)] }

func numbers(n int, seed uint64) []int {
	rng := rand.New(rand.NewPCG(seed, 0))
	xs := make([]int, n)
	for i := range xs {
		xs[i] = rng.IntN(10*n) - n
	}
	return xs
}

func TestAlgorithms(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for _, n := range []int{0, 1, 2, 3, 17, 100, 1000, 5000} {
			within(t, s, func(c *task.Ctx) error { return check(c, numbers(n, 1)) })
			for _, grain := range []int{1, 7, 1000, 1 << 20} {
				within(t, s, func(c *task.Ctx) error { return check(c, numbers(n, 2), parallel.WithGrain(grain)) })
			}
		}
	})
}

func FuzzAlgorithms(f *testing.F) {
	f.Add([]byte{}, uint16(0))
	f.Add([]byte{1}, uint16(1))
	f.Add([]byte{5, 5, 5, 5, 1, 255, 0, 9, 18}, uint16(1))
	f.Add([]byte("the quick brown fox jumps over the lazy dog"), uint16(3))
	f.Add(slices.Repeat([]byte{3, 1, 2}, 300), uint16(16))
	s := open(f, 4)
	f.Fuzz(func(t *testing.T, data []byte, grain uint16) {
		xs := make([]int, len(data))
		for i, b := range data {
			xs[i] = int(b) - i%3
		}
		var opts []parallel.Option
		if grain > 0 {
			opts = append(opts, parallel.WithGrain(int(grain)))
		}
		within(t, s, func(c *task.Ctx) error { return check(c, xs, opts...) })
	})
}

// Sorts of sizes that merge in parallel, in the orders that sorts trip over.
func TestSortLarge(t *testing.T) {
	n := scale(400_000)
	orders := map[string]func(i int) int{
		"random":    func(int) int { return rand.Int() },
		"ascending": func(i int) int { return i },
		"falling":   func(i int) int { return -i },
		"few":       func(int) int { return rand.IntN(4) },
		"organ":     func(i int) int { return min(i, n-i) },
	}
	for name, at := range orders {
		t.Run(name, func(t *testing.T) {
			s := open(t, 4)
			xs := make([]pair, n)
			keys := make([]int, n)
			for i := range xs {
				keys[i] = at(i)
				xs[i] = pair{keys[i], i}
			}
			within(t, s, func(c *task.Ctx) error {
				if err := parallel.Sort(c, keys); err != nil || !slices.IsSorted(keys) {
					return fmt.Errorf("Sort: %v", err)
				}
				if err := parallel.SortStableFunc(c, xs, byKey); err != nil {
					return err
				}
				for i := range xs {
					if xs[i].key != keys[i] || i > 0 && xs[i].key == xs[i-1].key && xs[i].at < xs[i-1].at {
						return fmt.Errorf("SortStableFunc at %d", i)
					}
				}
				return nil
			})
		})
	}
}

func TestNaN(t *testing.T) {
	within(t, open(t, 2), func(c *task.Ctx) error {
		xs := make([]float64, 50_000)
		for i := range xs {
			xs[i] = rand.Float64()
			if i%1000 == 5 {
				xs[i] = math.NaN()
			}
		}
		least, most, err := parallel.MinMax(c, xs)
		if err != nil || !math.IsNaN(least) || !math.IsNaN(most) {
			return fmt.Errorf("MinMax: %v, %v, %v", least, most, err)
		}
		if err := parallel.Sort(c, xs); err != nil || !slices.IsSorted(xs) {
			return fmt.Errorf("Sort: %v", err)
		}
		return nil
	})
}

func TestEmptyExtremes(t *testing.T) {
	within(t, open(t, 1), func(c *task.Ctx) error {
		if panicText(func() { parallel.MinMax(c, []int{}) }) == nil {
			return errors.New("MinMax did not panic")
		}
		if panicText(func() { parallel.MinMaxFunc(c, []int{}, cmp.Compare[int]) }) == nil {
			return errors.New("MinMaxFunc did not panic")
		}
		return nil
	})
}

// Find stops work behind the match.
func TestFindStops(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			var looks atomic.Int64
			const n = 1 << 30 // more than anyone looks at in time
			at, err := parallel.Find(c, make([]struct{}, n), func(struct{}) bool { return looks.Add(1) > 1000 })
			if err != nil || at < 0 || looks.Load() > n/4 {
				return fmt.Errorf("at %d, %v, %d looks", at, err, looks.Load())
			}
			return nil
		})
	})
}

// A match comes before the panic of a later element.
func TestFindBeforePanic(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			for range scale(200) {
				xs := numbers(100, 3)
				for i := range xs {
					xs[i] = i
				}
				at, err := parallel.Find(c, xs, func(x int) bool {
					if x == 60 {
						panic(errOops)
					}
					linger(100)
					return x == 40
				}, parallel.WithGrain(1))
				if at != 40 || err != nil {
					return fmt.Errorf("%d, %v", at, err)
				}
			}
			return nil
		})
	})
}

// every algorithm calls f once for each element, and some more often.
var algorithms = map[string]func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error{
	"For": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.For(c, len(xs), func(*task.Ctx, int) { f() }, opts...)
	},
	"ForRange": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.ForRange(c, 0, len(xs), func(_ *task.Ctx, lo, hi int) {
			for range hi - lo {
				f()
			}
		}, opts...)
	},
	"Fold": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		_, err := parallel.Fold(c, xs, 0, func(acc int, xs []int) int {
			for _, x := range xs {
				f()
				acc += x
			}
			return acc
		}, func(a, b int) int { return a + b }, opts...)
		return err
	},
	"ForEach": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.ForEach(c, xs, func(*task.Ctx, *int) { f() }, opts...)
	},
	"ForEachSeq": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.ForEachSeq(c, slices.Values(xs), func(*task.Ctx, int) { f() }, opts...)
	},
	"Map": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		ys, err := parallel.Map(c, xs, func(*task.Ctx, int) int { f(); return 1 }, opts...)
		return noneWith(ys == nil, err)
	},
	"Filter": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		ys, err := parallel.Filter(c, xs, func(int) bool { f(); return true }, opts...)
		return noneWith(ys == nil, err)
	},
	"Reduce": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		_, err := parallel.Reduce(c, xs, 0, func(a, b int) int { f(); return a + b }, opts...)
		return err
	},
	"ScanInclusive": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		ys, err := parallel.ScanInclusive(c, xs, func(a, b int) int { f(); return a + b }, opts...)
		return noneWith(ys == nil, err)
	},
	"ScanExclusive": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		ys, err := parallel.ScanExclusive(c, xs, 0, func(a, b int) int { f(); return a + b }, opts...)
		return noneWith(ys == nil, err)
	},
	"MinMaxFunc": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		_, _, err := parallel.MinMaxFunc(c, xs, func(a, b int) int { f(); return cmp.Compare(a, b) }, opts...)
		return err
	},
	"Find": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		_, err := parallel.Find(c, xs, func(int) bool { f(); return false }, opts...)
		return err
	},
	"SortFunc": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.SortFunc(c, xs, func(a, b int) int { f(); return cmp.Compare(a, b) }, opts...)
	},
	"SortStableFunc": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.SortStableFunc(c, xs, func(a, b int) int { f(); return cmp.Compare(a, b) }, opts...)
	},
}

func noneWith(none bool, err error) error {
	if none != (err != nil) {
		return fmt.Errorf("a result and an error: %w", err)
	}
	return err
}

// injected runs every algorithm with f in the middle of it, at random times.
func injected(t *testing.T, run func(s *scheduler.Scheduler, c *task.Ctx, alg func(f func()) error, at int64) error) {
	for name, alg := range algorithms {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *scheduler.Scheduler) {
				for round := range scale(8) {
					n := 20_000
					if raceEnabled {
						n = 3000
					}
					xs := numbers(n, uint64(round))
					before := slices.Sorted(slices.Values(xs))
					var opts []parallel.Option
					if round%2 == 1 {
						opts = append(opts, parallel.WithGrain(1<<rand.IntN(12)))
					}
					within(t, s, func(c *task.Ctx) error {
						err := run(s, c, func(f func()) error { return alg(c, xs, f, opts...) }, rand.Int64N(int64(n)/2)+1)
						if err == nil && !slices.Equal(before, slices.Sorted(slices.Values(xs))) {
							return errors.New("the slice does not have its elements any more")
						}
						return err
					})
				}
			})
		})
	}
}

func TestPanicInTheMiddle(t *testing.T) {
	injected(t, func(_ *scheduler.Scheduler, _ *task.Ctx, alg func(f func()) error, at int64) error {
		var calls atomic.Int64
		var running atomic.Int64
		err := mustPanic("the algorithm", errOops, func() {
			alg(func() {
				running.Add(1)
				defer running.Add(-1)
				if calls.Add(1) == at {
					panicHere()
				}
			})
		})
		if n := running.Load(); n != 0 {
			return fmt.Errorf("%d calls had not ended", n)
		}
		return err
	})
}

func TestCancelInTheMiddle(t *testing.T) {
	injected(t, func(_ *scheduler.Scheduler, c *task.Ctx, alg func(f func()) error, at int64) error {
		var calls atomic.Int64
		t := c.Task()
		err := alg(func() {
			if calls.Add(1) == at {
				t.CancelCause(errOops)
			}
		})
		// It may have been too late to matter.
		if err != nil && !errors.Is(err, errOops) {
			return err
		}
		if err := parallel.For(c, 10, func(*task.Ctx, int) { panic("called") }); !errors.Is(err, errOops) {
			return fmt.Errorf("afterwards: %v", err)
		}
		return nil
	})
}

// With the shortest quantum and another task that wants to run, tasks are preempted all the time.
func TestPreemptionInTheMiddle(t *testing.T) {
	for _, workers := range workerCounts {
		t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
			s := open(t, workers, scheduler.WithQuantum(scheduler.MinQuantum))
			var stop atomic.Bool
			for range workers {
				s.Go(func(c *task.Ctx) {
					for !stop.Load() && !c.Cancelled() {
						linger(1000)
						c.Checkpoint()
					}
				})
			}
			within(t, s, func(c *task.Ctx) error { return check(c, numbers(scale(4000), 9)) })
			stop.Store(true)
		})
	}
}

// What parks in the middle moves spans between workers.
func TestParkingInTheMiddle(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		n := scale(4000)
		within(t, s, func(c *task.Ctx) error {
			hits := make([]atomic.Int32, n)
			err := parallel.For(c, n, func(c *task.Ctx, i int) {
				switch i % 50 {
				case 0:
					c.Yield()
				case 1:
					c.Sleep(time.Microsecond)
				case 2:
					parallel.For(c, 5, func(c *task.Ctx, j int) { c.Yield() }, parallel.WithGrain(1))
				}
				hits[i].Add(1)
			})
			for i := range hits {
				if hits[i].Load() != 1 {
					return fmt.Errorf("index %d: %d times", i, hits[i].Load())
				}
			}
			return err
		})
	})
}

// The panic of a loop is that of the lowest index, as in a plain loop, and all below have been handled.
func TestLowestPanicWins(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for range scale(40) {
			within(t, s, func(c *task.Ctx) error {
				var below atomic.Int32
				err := mustPanic("For", 50, func() {
					parallel.For(c, 200, func(_ *task.Ctx, i int) {
						linger(200)
						if i >= 50 && i%10 == 0 {
							panic(i)
						}
						if i < 50 {
							below.Add(1)
						}
					})
				})
				if n := below.Load(); n != 50 {
					return fmt.Errorf("%d of 50 were handled", n)
				}
				return err
			})
		}
	})
}

func TestProgress(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for name, alg := range algorithms {
			if name == "ForEachSeq" {
				continue
			}
			within(t, s, func(c *task.Ctx) error {
				last, total := 0, 0
				err := alg(c, numbers(5000, 4), func() {}, parallel.WithProgress(0, func(done, of int) {
					if done <= last || done > of {
						panic(fmt.Sprintf("%d after %d, of %d", done, last, of))
					}
					last, total = done, of
				}))
				if last != total || total == 0 {
					return fmt.Errorf("%s: ended with %d of %d", name, last, total)
				}
				return err
			})
		}
	})
}

func TestProgressPanics(t *testing.T) {
	within(t, open(t, 2), func(c *task.Ctx) error {
		return mustPanic("For", errOops, func() {
			parallel.For(c, 100, func(*task.Ctx, int) {}, parallel.WithProgress(time.Hour, func(int, int) { panic(errOops) }))
		})
	})
}

// A sequence without end takes no more than what its consumers need.
func TestForEachSeqIsLazy(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			yielded := 0
			pe := panicOf(func() {
				parallel.ForEachSeq(c, func(yield func(int) bool) {
					for yielded = 0; yield(yielded); yielded++ {
					}
				}, func(_ *task.Ctx, x int) {
					if x == 5000 {
						panic(errOops)
					}
				})
			})
			if pe == nil || pe.Value != errOops {
				return fmt.Errorf("got %v", pe)
			}
			return nil
		})
	})
}

func TestSeqPanics(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			return mustPanic("ForEachSeq", errOops, func() {
				parallel.ForEachSeq(c, func(yield func(int) bool) {
					for i := range 100 {
						yield(i)
					}
					panic(errOops)
				}, func(*task.Ctx, int) {})
			})
		})
	})
}

// With idle workers, even a few long elements run in parallel.
func TestForUsesWorkers(t *testing.T) {
	s := open(t, 4)
	within(t, s, func(c *task.Ctx) error {
		// Each waits for all four: this ends only if every worker gets one.
		var inFor, inDo atomic.Int32
		meet := func(c *task.Ctx, at *atomic.Int32) {
			at.Add(1)
			for at.Load() < 4 {
				c.Checkpoint()
			}
		}
		err := parallel.For(c, 4, func(c *task.Ctx, i int) { meet(c, &inFor) })
		f := func(c *task.Ctx) { meet(c, &inDo) }
		parallel.Do(c, f, f, f, f)
		return err
	})
}

func TestResultsAreZeroWhenCancelled(t *testing.T) {
	s := open(t, 1)
	var err error
	var n int
	s.Go(func(c *task.Ctx) {
		c.Cancel()
		n, err = parallel.Reduce(c, []int{1, 2}, 7, func(a, b int) int { return a + b })
	}).Wait()
	require.Error(t, err)
	require.Zero(t, n)
}
