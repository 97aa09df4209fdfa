package deque

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A tally counts how often each element is given out, and tells thieves when all of them are.
type tally struct {
	given []atomic.Int32
	left  atomic.Int64
}

func newTally(n int) *tally {
	c := &tally{given: make([]atomic.Int32, n)}
	c.left.Store(int64(n))
	return c
}

func (c *tally) give(x *item) {
	c.given[x.id].Add(1)
	c.left.Add(-1)
}

func (c *tally) done() bool { return c.left.Load() <= 0 }

func (c *tally) require(t *testing.T) {
	for i := range c.given {
		if n := c.given[i].Load(); n != 1 {
			require.Fail(t, "not exactly once", "element %d was given out %d times", i, n)
		}
	}
}

func elements(t *testing.T) int {
	if testing.Short() {
		return 2_000
	}
	return 20_000
}

// The owner pushes, and one thief takes the elements in order.
func TestSPSC(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		all := items(elements(t))
		v := o.Thief()
		var ids []int
		var thief sync.WaitGroup
		thief.Go(func() {
			for len(ids) < len(all) {
				if x, out := v.Steal(); out == Stolen {
					ids = append(ids, x.id)
				} else {
					runtime.Gosched()
				}
			}
		})
		for _, x := range all {
			o.Push(x)
		}
		thief.Wait()
		for i, id := range ids {
			require.Equal(t, i, id)
		}
		require.Nil(t, o.Pop())
	})
}

// All thieves and the owner start on a full deque. Thieves see elements in rising order, and so
// does a FIFO owner. A LIFO owner sees them fall.
func TestStampede(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		all := items(elements(t))
		for _, x := range all {
			o.Push(x)
		}
		c := newTally(len(all))
		var thieves sync.WaitGroup
		for range 3 {
			v := o.Thief()
			thieves.Go(func() {
				last := -1
				for !c.done() {
					if x, out := v.Steal(); out == Stolen {
						if x.id <= last {
							t.Errorf("thief got %d after %d", x.id, last)
						}
						last = x.id
						c.give(x)
					} else {
						runtime.Gosched()
					}
				}
			})
		}
		direction, last := 1, -1
		if o.Flavour() == LIFO {
			direction, last = -1, len(all)
		}
		for x := o.Pop(); x != nil; x = o.Pop() {
			if (x.id-last)*direction <= 0 {
				t.Errorf("owner got %d after %d", x.id, last)
			}
			last = x.id
			c.give(x)
		}
		thieves.Wait()
		c.require(t)
	})
}

// Owner and thieves use all operations that they may, and each element is given out exactly once.
func TestExactlyOnce(t *testing.T) {
	for _, thieves := range []int{1, 3} {
		t.Run(fmt.Sprintf("thieves=%d", thieves), func(t *testing.T) {
			each(t, func(t *testing.T, o *Owner[item]) {
				all := items(elements(t))
				c := newTally(len(all))
				var wg sync.WaitGroup
				for i := range thieves {
					wg.Go(func() {
						rng := rand.New(rand.NewPCG(1, uint64(i)))
						v := o.Thief()
						dst := New[item](Flavour(i&1), minCapacity)
						for !c.done() {
							var x *item
							var out Outcome
							if rng.IntN(3) == 0 {
								x, out = v.Steal()
							} else {
								var n int
								x, n, out = v.StealBatch(dst, 1+rng.IntN(8))
								if dst.Len() != max(0, n-1) {
									t.Errorf("a batch of %d leaves %d on dst", n, dst.Len())
								}
							}
							if out != Stolen {
								runtime.Gosched()
								continue
							}
							c.give(x)
							for x := dst.Pop(); x != nil; x = dst.Pop() {
								c.give(x)
							}
						}
					})
				}
				rng := rand.New(rand.NewPCG(2, 0))
				for next := 0; next < len(all); {
					switch op := rng.IntN(16); {
					case op < 4:
						o.Push(all[next])
						next++
					case op < 9 && o.Flavour() == LIFO:
						pushPrivate(o, all[next])
						next++
					case op == 9:
						o.Expose()
					case op == 10:
						o.Trim()
					case op == 11 && rng.IntN(20) == 0:
						for x := o.Pop(); x != nil; x = o.Pop() {
							c.give(x)
						}
					case op < 13:
						if x := o.PopPrivate(); x != nil {
							c.give(x)
						}
					default:
						if x := o.Pop(); x != nil {
							c.give(x)
						}
					}
				}
				for x := o.Pop(); x != nil; x = o.Pop() {
					c.give(x)
				}
				wg.Wait()
				c.require(t)
			})
		})
	}
}

// While the owner goes on pushing, each thief gets elements, even if the owner also pops and keeps
// private tails.
func TestNoStarvation(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		const thieves, each = 4, 20
		var fed atomic.Int32
		var wg sync.WaitGroup
		for range thieves {
			v := o.Thief()
			wg.Go(func() {
				for n := 0; n < each; {
					if _, out := v.Steal(); out == Stolen {
						n++
					}
					runtime.Gosched()
				}
				fed.Add(1)
			})
		}
		x := &item{}
		for i := 0; fed.Load() < thieves; i++ {
			if o.Flavour() == LIFO && i%2 == 0 {
				pushPrivate(o, x)
			} else {
				o.Push(x)
			}
			if i%4 == 0 {
				o.Pop()
			}
			if o.Len() > 1000 {
				runtime.Gosched()
				drain(o)
			}
		}
		wg.Wait()
		drain(o)
	})
}
