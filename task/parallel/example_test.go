package parallel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// newScheduler is for examples whose subject is not the scheduler.
func newScheduler() *scheduler.Scheduler {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	return s
}

func ExampleRun() {
	sched, err := scheduler.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sched.Close()

	squares, err := parallel.Run(sched, func(c *task.Ctx) ([]int, error) {
		return parallel.Map(c, []int{1, 2, 3}, func(_ *task.Ctx, x int) int { return x * x })
	})
	fmt.Println(squares, err)
	// Output: [1 4 9] <nil>
}

// A tree whose nodes know only their neighbours.
type branch struct {
	value       int
	left, right *branch
}

var sumOf *parallel.Func[*branch, int]

func init() { sumOf = parallel.Define(sumBody) }

func sumBody(c *task.Ctx, b *branch) int {
	if b == nil {
		return 0
	}
	left := sumOf.Fork(c, b.left)
	right := sumBody(c, b.right)
	return left.Join(c) + b.value + right
}

func ExampleDefine() {
	sched := newScheduler()
	defer sched.Close()

	root := &branch{1, &branch{2, nil, nil}, &branch{3, nil, &branch{4, nil, nil}}}
	sum, err := parallel.Run(sched, func(c *task.Ctx) (int, error) { return sumOf.Call(c, root), nil })
	fmt.Println(sum, err)
	// Output: 10 <nil>
}

// A node with any number of children.
type folder struct {
	files   int
	folders []*folder
}

var filesIn = parallel.Recursive(func(filesIn *parallel.Func[*folder, int]) func(c *task.Ctx, f *folder) int {
	return func(c *task.Ctx, f *folder) int {
		sum := f.files
		for _, n := range filesIn.CallAll(c, f.folders) {
			sum += n
		}
		return sum
	}
})

func ExampleFunc_CallAll() {
	sched := newScheduler()
	defer sched.Close()

	root := &folder{2, []*folder{{3, nil}, {0, []*folder{{4, nil}, {5, nil}}}}}
	sum, err := parallel.Run(sched, func(c *task.Ctx) (int, error) { return filesIn.Call(c, root), nil })
	fmt.Println(sum, err)
	// Output: 14 <nil>
}

// A function that does not refer to its own Func needs no init, and can be local.
func ExampleDefine_local() {
	sched := newScheduler()
	defer sched.Close()

	upper := parallel.Define(func(_ *task.Ctx, s string) string { return strings.ToUpper(s) })
	text, err := parallel.Run(sched, func(c *task.Ctx) (string, error) {
		x := upper.Fork(c, "warp")
		y := upper.Call(c, "weft")
		return x.Join(c) + " and " + y, nil
	})
	fmt.Println(text, err)
	// Output: WARP and WEFT <nil>
}

// A recursion without a global variable and without init.
func ExampleRecursive() {
	sched := newScheduler()
	defer sched.Close()

	fib := parallel.Recursive(func(fib *parallel.Func[int, int]) func(c *task.Ctx, n int) int {
		return func(c *task.Ctx, n int) int {
			if n < 2 {
				return n
			}
			x := fib.Fork(c, n-1)
			y := fib.Call(c, n-2)
			return x.Join(c) + y
		}
	})
	n, err := parallel.Run(sched, func(c *task.Ctx) (int, error) { return fib.Call(c, 20), nil })
	fmt.Println(n, err)
	// Output: 6765 <nil>
}

func ExampleDo() {
	sched := newScheduler()
	defer sched.Close()

	var upper, lower string
	_, err := parallel.Run(sched, func(c *task.Ctx) (any, error) {
		parallel.Do(c,
			func(*task.Ctx) { upper = strings.ToUpper("Weft") },
			func(*task.Ctx) { lower = strings.ToLower("Warp") },
		)
		return nil, nil
	})
	fmt.Println(upper, lower, err)
	// Output: WEFT warp <nil>
}

func ExampleInScope() {
	sched := newScheduler()
	defer sched.Close()

	var sum atomic.Int64
	_, err := parallel.Run(sched, func(c *task.Ctx) (any, error) {
		parallel.InScope(c, func(s *parallel.Scope) {
			for name := range maps.Keys(map[string]int{"warp": 1, "weft": 2, "shed": 3}) {
				s.Go(c, func(*task.Ctx) { sum.Add(int64(len(name))) })
			}
		})
		return nil, nil
	})
	fmt.Println(sum.Load(), err)
	// Output: 12 <nil>
}

func ExampleFor() {
	sched := newScheduler()
	defer sched.Close()

	table := make([]int, 5)
	_, err := parallel.Run(sched, func(c *task.Ctx) (any, error) {
		return nil, parallel.For(c, len(table), func(_ *task.Ctx, i int) { table[i] = i * i })
	})
	fmt.Println(table, err)
	// Output: [0 1 4 9 16] <nil>
}

func ExampleForRange() {
	sched := newScheduler()
	defer sched.Close()

	// One buffer for each range, not for each index.
	texts := make([]string, 4)
	_, err := parallel.Run(sched, func(c *task.Ctx) (any, error) {
		return nil, parallel.ForRange(c, 0, len(texts), func(_ *task.Ctx, lo, hi int) {
			var buf []byte
			for i := lo; i < hi; i++ {
				buf = fmt.Appendf(buf[:0], "%03b", i)
				texts[i] = string(buf)
			}
		})
	})
	fmt.Println(texts, err)
	// Output: [000 001 010 011] <nil>
}

func ExampleForEachSeq() {
	sched := newScheduler()
	defer sched.Close()

	var words atomic.Int64
	_, err := parallel.Run(sched, func(c *task.Ctx) (any, error) {
		lines := strings.Lines("over and under\nunder and over\n")
		return nil, parallel.ForEachSeq(c, lines, func(_ *task.Ctx, line string) {
			words.Add(int64(len(strings.Fields(line))))
		})
	})
	fmt.Println(words.Load(), err)
	// Output: 6 <nil>
}

func ExampleFold() {
	sched := newScheduler()
	defer sched.Close()

	xs := []float64{1, 2, 3, 4}
	sum, err := parallel.Run(sched, func(c *task.Ctx) (float64, error) {
		return parallel.Fold(c, xs, 0, func(acc float64, xs []float64) float64 {
			for _, x := range xs {
				acc += x
			}
			return acc
		}, func(a, b float64) float64 { return a + b })
	})
	fmt.Println(sum, err)
	// Output: 10 <nil>
}

// Each worker makes one histogram, instead of one for each stretch.
func ExampleAccumulate() {
	sched := newScheduler()
	defer sched.Close()

	words := strings.Fields("over and under and over and under")
	histogram, err := parallel.Run(sched, func(c *task.Ctx) (map[string]int, error) {
		return parallel.Accumulate(c, words, func() map[string]int { return map[string]int{} },
			func(_ *task.Ctx, acc map[string]int, words []string) map[string]int {
				for _, w := range words {
					acc[w]++
				}
				return acc
			},
			func(a, b map[string]int) map[string]int {
				for w, n := range b {
					a[w] += n
				}
				return a
			})
	})
	fmt.Println(histogram, err)
	// Output: map[and:3 over:2 under:2] <nil>
}

func ExampleScanInclusive() {
	sched := newScheduler()
	defer sched.Close()

	xs := []string{"a", "b", "c"}
	joined, err := parallel.Run(sched, func(c *task.Ctx) ([]string, error) {
		return parallel.ScanInclusive(c, xs, func(a, b string) string { return a + b })
	})
	fmt.Println(joined, err)
	// Output: [a ab abc] <nil>
}

func ExampleFind() {
	sched := newScheduler()
	defer sched.Close()

	xs := []int{4, 8, 15, 16, 23, 42}
	at, err := parallel.Run(sched, func(c *task.Ctx) (int, error) {
		return parallel.Find(c, xs, func(x int) bool { return x%5 == 0 })
	})
	fmt.Println(at, err)
	// Output: 2 <nil>
}

func ExampleSortStableFunc() {
	sched := newScheduler()
	defer sched.Close()

	words := []string{"warp", "weft", "shed", "reed", "beam", "heddle", "pick"}
	_, err := parallel.Run(sched, func(c *task.Ctx) (any, error) {
		return nil, parallel.SortStableFunc(c, words, func(a, b string) int { return len(a) - len(b) })
	})
	fmt.Println(words, err, slices.Index(words, "heddle"))
	// Output: [warp weft shed reed beam pick heddle] <nil> 6
}

// The panic of a function that ran in parallel reaches the task or goroutine that waits for it.
func ExampleDo_panic() {
	sched := newScheduler()
	defer sched.Close()

	defer func() {
		pe := recover().(*task.PanicError)
		fmt.Println(pe.Value)
	}()
	parallel.Run(sched, func(c *task.Ctx) (any, error) {
		parallel.Do(c, func(*task.Ctx) {}, func(*task.Ctx) { panic("a thread broke") })
		return nil, nil
	})
	// Output: a thread broke
}

// An algorithm that is cancelled in the middle returns the cause.
func ExampleMap_cancelled() {
	sched := newScheduler()
	defer sched.Close()

	results, err := parallel.Run(sched, func(c *task.Ctx) ([]int, error) {
		self := c.Task()
		return parallel.Map(c, make([]int, 1_000_000), func(*task.Ctx, int) int {
			self.Cancel()
			return 1
		})
	})
	fmt.Println(results == nil, errors.Is(err, context.Canceled))
	// Output: true true
}

// A recursion into two branches.
func ExampleFunc_Both() {
	type tree struct {
		left, right *tree
		weight      int
	}
	var weigh *parallel.Func[*tree, int]
	weigh = parallel.Define(func(c *task.Ctx, t *tree) int {
		if t == nil {
			return 0
		}
		left, right := weigh.Both(c, t.left, t.right)
		return left + t.weight + right
	})
	sched := newScheduler()
	defer sched.Close()

	t := &tree{&tree{nil, nil, 1}, &tree{&tree{nil, nil, 2}, nil, 3}, 4}
	sum, _ := parallel.Run(sched, func(c *task.Ctx) (int, error) { return weigh.Call(c, t), nil })
	fmt.Println(sum)
	// Output: 10
}
