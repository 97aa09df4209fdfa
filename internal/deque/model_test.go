//go:build heddle_model

package deque

import (
	"fmt"
	"math"
	"testing"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/explore"
)

// A bench is the state of one run of a model: a deque of the smallest capacity whose indexes are
// about to wrap around, its elements, and the elements that were given out.
type bench struct {
	o      *Owner[item]
	v      *Thief[item]
	all    []*item
	pushed int
	given  []int
}

func newBench(f Flavour, elements int) *bench {
	b := &bench{o: New[item](f, minCapacity), all: items(elements), given: make([]int, elements)}
	b.o.rebase(math.MaxInt64 - 1)
	b.v = b.o.Thief()
	return b
}

func (b *bench) fresh() *item {
	b.pushed++
	return b.all[b.pushed-1]
}

func (b *bench) push()        { b.o.Push(b.fresh()) }
func (b *bench) pushPrivate() { pushPrivate(b.o, b.fresh()) }
func (b *bench) pop()         { b.take(b.o.Pop()) }

// take notes that x was given out.
func (b *bench) take(x *item) {
	if x == nil {
		return
	}
	if b.given[x.id]++; b.given[x.id] > 1 {
		explore.Failf("element %d is given out twice", x.id)
	}
}

func (b *bench) steal() Outcome {
	x, out := b.v.Steal()
	if (x != nil) != (out == Stolen) {
		explore.Failf("Steal returns %v with %v", x, out)
	}
	b.take(x)
	return out
}

func (b *bench) stealBatch(dst *Owner[item], limit int) {
	x, n, out := b.v.StealBatch(dst, limit)
	if (x != nil) != (out == Stolen) || (n > 0) != (out == Stolen) {
		explore.Failf("StealBatch returns %v, %d with %v", x, n, out)
	}
	b.take(x)
	for range n - 1 {
		y := dst.Pop()
		if y == nil {
			explore.Failf("a batch of %d has left fewer on dst", n)
		}
		b.take(y)
	}
	if dst.Len() != 0 {
		explore.Failf("a batch of %d has left more on dst", n)
	}
}

// check runs when all threads are done. It requires that each element was given out or is still in
// the deque, and that the invariant holds.
func (b *bench) check() error {
	var t collector
	func() {
		defer func() {
			if r := recover(); r != nil && t.err == nil {
				panic(r)
			}
		}()
		requireInvariant(&t, b.o)
	}()
	if t.err != nil {
		return t.err
	}
	for x := b.o.Pop(); x != nil; x = b.o.Pop() {
		b.given[x.id]++
	}
	for id, n := range b.given[:b.pushed] {
		if n != 1 {
			return fmt.Errorf("element %d is given out %d times", id, n)
		}
	}
	return nil
}

// collector turns the failure of a require into an error.
type collector struct{ err error }

func (c *collector) Errorf(format string, args ...any) { c.err = fmt.Errorf(format, args...) }
func (c *collector) FailNow()                          { panic(c) }

// The models follow. TestModels explores each of them as it is, and TestMutants with bugs planted.

// takes: the owner pops elements while thieves steal, down to the last one.
func takes(f Flavour) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newBench(f, 3)
		b.push()
		b.push()
		m.Thread("owner", func() { b.pop(); b.pop(); b.push() })
		m.Thread("thief", func() { b.steal() })
		m.Thread("rival", func() { b.steal() })
		m.Check(b.check)
	}
}

// last: the owner and a thief compete for one element.
func last(f Flavour) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newBench(f, 2)
		b.push()
		m.Thread("owner", func() { b.pop(); b.push(); b.pop() })
		m.Thread("thief", func() { b.steal(); b.steal() })
		m.Check(b.check)
	}
}

// pushes: the owner pushes on an empty deque.
func pushes(f Flavour) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newBench(f, 2)
		m.Thread("owner", func() { b.push(); b.push() })
		m.Thread("thief", func() { b.steal(); b.steal() })
		m.Check(b.check)
	}
}

// grows: the owner fills the ring and grows it, and uses slots again that thieves may still be
// reading.
func grows(f Flavour) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newBench(f, 5)
		b.push()
		b.push()
		m.Thread("owner", func() { b.push(); b.push(); b.pop() })
		m.Thread("thief", func() { b.steal(); b.steal() })
		m.Thread("rival", func() { b.steal() })
		m.Check(b.check)
	}
}

// trims: the owner replaces the ring by a smaller one while thieves look for elements.
func trims(f Flavour) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newBench(f, 4)
		b.push()
		b.push()
		b.push()
		b.pop()
		b.pop()
		b.pop()
		m.Thread("owner", func() { b.o.Trim(); b.push() })
		m.Thread("thief", func() { b.steal(); b.steal() })
		m.Check(b.check)
	}
}

// exposes: thieves ask for part of a private tail, and the owner takes back as much as it can.
func exposes(m *explore.Model) {
	b := newBench(LIFO, 4)
	b.pushPrivate()
	b.pushPrivate()
	m.Thread("owner", func() {
		b.o.Expose()
		b.pushPrivate()
		b.take(b.o.PopPrivate())
		b.pop()
		b.pop()
	})
	m.Thread("thief", func() { b.steal(); b.steal() })
	m.Thread("rival", func() { b.steal() })
	m.Check(b.check)
}

// asks: no request is forgotten. If a thief's last attempt found nothing, then in the end its
// request stands, or another attempt would succeed.
func asks(m *explore.Model) {
	b := newBench(LIFO, 3)
	b.pushPrivate()
	b.pushPrivate()
	b.pushPrivate()
	var out Outcome
	m.Thread("owner", func() { b.o.Expose() })
	m.Thread("thief", func() {
		for range 4 {
			out = b.steal()
		}
	})
	m.Check(func() error {
		if out == Empty && b.v.Empty() && !b.o.Wanted() && b.o.PrivateLen() > 0 {
			return fmt.Errorf("the owner keeps %d elements and does not know that a thief asked", b.o.PrivateLen())
		}
		return b.check()
	})
}

// batches: one thief takes several elements and another takes one, while the owner pops and pushes
// over the slots that they take.
func batches(f Flavour) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newBench(f, 6)
		b.push()
		b.push()
		b.push()
		b.push()
		dst := New[item](f, minCapacity)
		m.Thread("owner", func() { b.pop(); b.pop(); b.push(); b.push() })
		m.Thread("batcher", func() { b.stealBatch(dst, 4) })
		m.Thread("thief", func() { b.steal() })
		m.Check(b.check)
	}
}

// reverses: the owner reverses elements while thieves steal, all of them (n = 3) or some.
func reverses(n int) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newBench(LIFO, 4)
		b.push()
		b.push()
		b.push()
		m.Thread("owner", func() { b.o.ReverseNewest(n); b.pop(); b.push() })
		m.Thread("thief", func() { b.steal(); b.steal() })
		m.Thread("rival", func() { b.steal() })
		m.Check(b.check)
	}
}

// peeks: the element that PopShared returns is the one that Newest has shown.
func peeks(m *explore.Model) {
	b := newBench(LIFO, 3)
	b.push()
	b.push()
	b.push()
	m.Thread("owner", func() {
		for range 3 {
			seen := b.o.Newest()
			x := b.o.PopShared()
			if x != nil && x != seen {
				explore.Failf("PopShared returns another element than Newest")
			}
			b.take(x)
		}
	})
	m.Thread("thief", func() { b.steal(); b.steal() })
	m.Thread("rival", func() { b.steal() })
	m.Check(b.check)
}

// sleeps: if a worker finds the deque empty after it has announced that it sleeps, a later pusher
// sees the sleeper.
func sleeps(f Flavour) func(*explore.Model) {
	return func(m *explore.Model) {
		b := newBench(f, 3)
		b.push()
		var sleeping atomicx.Bool
		var woken, asleep bool
		m.Thread("owner", func() {
			b.pop()
			b.push()
			woken = sleeping.Load()
		})
		m.Thread("sleeper", func() {
			sleeping.Store(true)
			asleep = b.v.Empty()
		})
		m.Thread("thief", func() { b.steal() })
		m.Check(func() error {
			if asleep && !woken && !b.v.Empty() {
				return fmt.Errorf("asleep beside an element")
			}
			return b.check()
		})
	}
}

// models are the models that hold, each with the number of preemptions up to which it is explored.
var models = []struct {
	name        string
	preemptions int
	setup       func(*explore.Model)
}{
	{"takes/LIFO", 3, takes(LIFO)},
	{"takes/FIFO", 3, takes(FIFO)},
	{"last/LIFO", 4, last(LIFO)},
	{"last/FIFO", 4, last(FIFO)},
	{"pushes/LIFO", explore.Unbounded, pushes(LIFO)},
	{"pushes/FIFO", explore.Unbounded, pushes(FIFO)},
	{"grows/LIFO", 3, grows(LIFO)},
	{"grows/FIFO", 3, grows(FIFO)},
	{"trims/LIFO", explore.Unbounded, trims(LIFO)},
	{"trims/FIFO", explore.Unbounded, trims(FIFO)},
	{"exposes", 3, exposes},
	{"asks", explore.Unbounded, asks},
	{"batches/LIFO", 2, batches(LIFO)},
	{"batches/FIFO", 3, batches(FIFO)},
	{"reverses/all", 3, reverses(3)},
	{"reverses/two", 3, reverses(2)},
	{"peeks", 3, peeks},
	{"sleeps/LIFO", 4, sleeps(LIFO)},
	{"sleeps/FIFO", 4, sleeps(FIFO)},
}

func TestModels(t *testing.T) {
	for _, m := range models {
		t.Run(m.name, func(t *testing.T) {
			explore.Run(t, explore.Config{Preemptions: m.preemptions}, m.setup)
		})
	}
}

func TestModelsAtRandom(t *testing.T) {
	for _, m := range models {
		for _, mode := range []explore.Mode{explore.Uniform, explore.PCT} {
			explore.Run(t, explore.Config{Mode: mode, Seed: 1, MaxSchedules: 500}, m.setup)
		}
	}
}
