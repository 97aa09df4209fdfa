package benchmarks

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

const queensSize = 12

// A board holds the columns of the queens in the first rows. Each placement copies it, as in the
// classic program. With bit masks of the attacked squares, a placement would take less than ten
// nanoseconds and would need a cut-off.
type board struct {
	rows int
	at   [queensSize]int8
}

// safe reports whether a queen in the next row and the given column is not attacked.
func (q *board) safe(column int8) bool {
	for row, c := range q.at[:q.rows] {
		d := int8(q.rows - row)
		if c == column || c == column-d || c == column+d {
			return false
		}
	}
	return true
}

// with returns the board with a queen in the next row and the given column.
func (q board) with(column int8) board {
	q.at[q.rows] = column
	q.rows++
	return q
}

var queensFunc *parallel.Func[board, int]

func init() { queensFunc = parallel.Define(queensHeddle) }

// BenchmarkNQueens counts the ways to place 12 queens, with a fork for each placement. Goroutines
// with cutoff=N fork only in the first N rows.
func BenchmarkNQueens(b *testing.B) {
	const ways = 14_200
	var start board
	runOne(b, sequential, 1, loop(func(b *testing.B) { want(b, "ways", queensSequential(start), ways) }))
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) { want(b, "ways", queensFunc.Call(c, start), ways) }))
	for _, cutoff := range []int{queensSize, 3} {
		r := loop(func(b *testing.B) {
			var sum atomic.Int64
			queensGoroutines(start, cutoff, &sum)
			want(b, "ways", sum.Load(), ways)
		})
		if cutoff == queensSize {
			run(b, goroutines, r)
		} else {
			run(b, goroutines, r, key("cutoff", cutoff))
		}
	}
}

func queensSequential(q board) int {
	if q.rows == queensSize {
		return 1
	}
	sum := 0
	for column := range int8(queensSize) {
		if q.safe(column) {
			sum += queensSequential(q.with(column))
		}
	}
	return sum
}

func queensHeddle(c *task.Ctx, q board) int {
	if q.rows == queensSize {
		return 1
	}
	var calls [queensSize]*parallel.Call[board, int]
	n := 0
	for column := range int8(queensSize) {
		if q.safe(column) {
			calls[n] = queensFunc.Fork(c, q.with(column))
			n++
		}
	}
	sum := 0
	for n > 0 {
		n--
		sum += calls[n].Join(c)
	}
	return sum
}

func queensGoroutines(q board, cutoff int, sum *atomic.Int64) {
	if q.rows == queensSize {
		sum.Add(1)
		return
	}
	if q.rows >= cutoff {
		sum.Add(int64(queensSequential(q)))
		return
	}
	var wg sync.WaitGroup
	for column := range int8(queensSize) {
		if q.safe(column) {
			wg.Go(func() { queensGoroutines(q.with(column), cutoff, sum) })
		}
	}
	wg.Wait()
}
