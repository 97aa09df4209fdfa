package deque_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/heddle-go/heddle/deque"
)

func Example() {
	o := deque.New[string](deque.LIFO, 0)
	for _, s := range []string{"oldest", "middle", "newest"} {
		o.Push(&s)
	}
	stolen, outcome := o.Thief().Steal()
	fmt.Println(*stolen, outcome)
	fmt.Println(*o.Pop())
	fmt.Println(*o.Pop())
	fmt.Println(o.Pop() == nil)
	// Output:
	// oldest Stolen
	// newest
	// middle
	// true
}

// A thief that asks for private elements gets half of them.
func Example_privateTail() {
	o := deque.New[int](deque.LIFO, 0)
	for i := range 4 {
		if !o.TryPushPrivate(&i) {
			o.PushPrivate(&i)
		}
	}
	_, outcome := o.Thief().Steal()
	fmt.Println(outcome, o.Wanted())
	fmt.Println("exposed", o.Expose(), "kept", o.PrivateLen())
	x, outcome := o.Thief().Steal()
	fmt.Println(*x, outcome)
	// Output:
	// Empty true
	// exposed 2 kept 2
	// 0 Stolen
}

// span is a piece of work: the numbers from lo up to, but not including, hi.
type span struct{ lo, hi int }

type worker struct {
	own     deque.Owner[span]
	victims []*deque.Thief[span]
}

// find looks for work: in the worker's own deque first, then in the others' while a theft ends in
// Retry.
func (w *worker) find() *span {
	if s := w.own.Pop(); s != nil {
		return s
	}
	for again := true; again; {
		again = false
		for _, i := range rand.Perm(len(w.victims)) {
			s, _, outcome := w.victims[i].StealBatch(&w.own, 32)
			switch outcome {
			case deque.Stolen:
				return s
			case deque.Retry:
				again = true
			}
		}
	}
	return nil
}

// Three workers add up the numbers below a million. A worker halves a large span, goes on with one
// half and leaves the other for workers that are idle.
func Example_findWork() {
	const n = 1_000_000
	var sum, left atomic.Int64
	left.Store(n)

	workers := make([]worker, 3)
	for i := range workers {
		workers[i].own.Init(deque.LIFO, 0)
	}
	for i := range workers {
		for j := range workers {
			if i != j {
				workers[i].victims = append(workers[i].victims, workers[j].own.Thief())
			}
		}
	}
	workers[0].own.Push(&span{0, n})

	var wg sync.WaitGroup
	for i := range workers {
		w := &workers[i]
		wg.Go(func() {
			for left.Load() > 0 {
				s := w.find()
				if s == nil {
					runtime.Gosched() // a scheduler would go to sleep here
					continue
				}
				for s.hi-s.lo > 1000 {
					middle := (s.lo + s.hi) / 2
					w.own.Push(&span{middle, s.hi})
					s = &span{s.lo, middle}
				}
				part := 0
				for k := s.lo; k < s.hi; k++ {
					part += k
				}
				sum.Add(int64(part))
				left.Add(int64(s.lo - s.hi))
			}
		})
	}
	wg.Wait()
	fmt.Println(sum.Load())
	// Output: 499999500000
}
