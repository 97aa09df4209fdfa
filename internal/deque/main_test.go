package deque

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// starts are the indexes at which tests begin: the usual one, one that soon overflows as a signed
// number, and one that soon overflows as an unsigned number.
var starts = []int64{0, math.MaxInt64 - 2, -3}

// each runs a test for both flavours and from all starts, on a deque of the smallest capacity.
func each(t *testing.T, test func(t *testing.T, o *Owner[item])) {
	for _, f := range []Flavour{LIFO, FIFO} {
		eachOf(t, f, test)
	}
}

func eachOf(t *testing.T, f Flavour, test func(t *testing.T, o *Owner[item])) {
	for i, start := range starts {
		t.Run(f.String()+[]string{"", "/signed-wrap", "/unsigned-wrap"}[i], func(t *testing.T) {
			o := New[item](f, minCapacity)
			o.rebase(start)
			test(t, o)
			requireInvariant(t, o)
		})
	}
}

// requireInvariant checks (1) to (5) of invariant.go on a deque that no other goroutine uses
// meanwhile. left are the elements that TakeBackIf took and that have not been pushed again.
func requireInvariant(t require.TestingT, o *Owner[item], left ...*item) {
	v := &o.thief
	top, capacity := v.top.Load(), int64(len(o.slots))
	require.True(t, top-o.swept >= 0 && o.split-top >= 0 && o.bottom-o.split >= 0 && o.limit-o.bottom >= 0 &&
		o.swept+capacity-o.limit >= 0, "(1) swept %d top %d split %d bottom %d limit %d capacity %d",
		o.swept, top, o.split, o.bottom, o.limit, capacity)
	require.Equal(t, o.split, v.split.Load(), "(2) split")
	require.True(t, &o.slots[0] == &v.ring.Load().slots[0], "(2) ring")
	for i := top; i != o.bottom; i++ {
		if o.slot(i).load() == nil {
			require.Fail(t, "(3)", "no element %d", i)
		}
	}
	for i := o.bottom; i-o.swept < capacity; i++ {
		if x := o.slot(i).load(); x != nil && !slices.Contains(left, x) {
			require.Fail(t, "(4)", "slot %d is not clear, above bottom %d", i, o.bottom)
		}
	}
	if v.flavour == FIFO {
		require.Equal(t, o.bottom, o.split, "(5)")
	}
}

// items returns n elements, numbered from 0.
func items(n int) []*item {
	all := make([]*item, n)
	for i := range all {
		all[i] = &item{id: i}
	}
	return all
}

// pushPrivate pushes in the same way as a fork.
func pushPrivate(o *Owner[item], x *item) {
	if !o.TryPushPrivate(x) {
		o.PushPrivate(x)
	}
}

// drain pops all elements and returns their numbers.
func drain(o *Owner[item]) []int {
	ids := []int{}
	for x := o.Pop(); x != nil; x = o.Pop() {
		ids = append(ids, x.id)
	}
	return ids
}
