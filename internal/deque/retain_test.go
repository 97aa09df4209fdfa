package deque

import (
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"
)

// pushTracked pushes n elements to which only the deque refers.
func pushTracked(o *Owner[item], n int, push func(*Owner[item], *item)) []weak.Pointer[item] {
	refs := make([]weak.Pointer[item], n)
	for i := range refs {
		x := &item{id: i}
		refs[i] = weak.Make(x)
		push(o, x)
	}
	return refs
}

// alive runs the garbage collector and returns the number of elements that survive.
func alive(refs []weak.Pointer[item]) int {
	runtime.GC()
	n := 0
	for _, r := range refs {
		if r.Value() != nil {
			n++
		}
	}
	return n
}

func steal(o *Owner[item], n int) {
	for range n {
		o.Thief().Steal()
	}
}

func TestPoppedElementsAreNotRetained(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		refs := pushTracked(o, 100, (*Owner[item]).Push)
		require.Equal(t, 100, alive(refs))
		for range 40 {
			o.Pop()
		}
		require.Equal(t, 60, alive(refs))
		drain(o)
		require.Zero(t, alive(refs))
		runtime.KeepAlive(o)
	})
}

func TestPrivatePopsAreNotRetained(t *testing.T) {
	eachOf(t, LIFO, func(t *testing.T, o *Owner[item]) {
		refs := pushTracked(o, 100, pushPrivate)
		for range 30 {
			o.PopPrivate()
		}
		require.True(t, o.PopPrivateIf(refs[69].Value()))
		require.Equal(t, 69, alive(refs))
		runtime.KeepAlive(o)
	})
}

func TestStolenElementsAreReleasedWhenTheOwnerFindsItEmpty(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		refs := pushTracked(o, 100, (*Owner[item]).Push)
		steal(o, 100)
		require.Equal(t, 100, alive(refs), "the owner has not looked")
		require.Nil(t, o.Pop())
		require.Zero(t, alive(refs))
		runtime.KeepAlive(o)
	})
}

func TestStolenElementsAreReleasedWhilePushing(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		// The ring is large, so it takes long to come round.
		keep := pushTracked(o, 1000, (*Owner[item]).Push)
		drain(o)
		require.Zero(t, alive(keep))

		var refs []weak.Pointer[item]
		for range 500 {
			refs = append(refs, pushTracked(o, 1, (*Owner[item]).Push)...)
			steal(o, 1)
		}
		require.LessOrEqual(t, alive(refs), 2*sweepEvery)
		runtime.KeepAlive(o)
	})
}

func TestStolenElementsAreReleasedWhilePushingPrivately(t *testing.T) {
	eachOf(t, LIFO, func(t *testing.T, o *Owner[item]) {
		pushTracked(o, 1000, pushPrivate)
		drain(o)
		var refs []weak.Pointer[item]
		for range 500 {
			o.Thief().Steal()
			refs = append(refs, pushTracked(o, 1, pushPrivate)...)
			steal(o, 1)
		}
		require.LessOrEqual(t, alive(refs), 2*sweepEvery)
		runtime.KeepAlive(o)
	})
}

// An owner whose bottom only goes up and down by one still releases the elements that thieves took.
func TestStolenElementsAreReleasedWithoutProgress(t *testing.T) {
	eachOf(t, LIFO, func(t *testing.T, o *Owner[item]) {
		refs := pushTracked(o, 100, (*Owner[item]).Push)
		steal(o, 50)
		o.Pop()
		require.Equal(t, 49, alive(refs))

		steal(o, 20)
		pushPrivate(o, &item{})
		require.Equal(t, 49, alive(refs), "the owner has not looked")
		steal(o, 29)
		steal(o, 1) // finds nothing shared, and asks
		pushPrivate(o, &item{})
		require.Zero(t, alive(refs))
		runtime.KeepAlive(o)
	})
}

func TestStolenElementsAreReleasedByGrow(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		refs := pushTracked(o, 32, (*Owner[item]).Push)
		steal(o, 31)
		pushTracked(o, 64, (*Owner[item]).Push)
		require.LessOrEqual(t, alive(refs), 1)
		runtime.KeepAlive(o)
	})
}

func TestBatchesAreReleased(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		dst := New[item](o.Flavour(), minCapacity)
		refs := pushTracked(o, 64, (*Owner[item]).Push)
		for o.Len() > 0 {
			o.Thief().StealBatch(dst, 32)
		}
		drain(dst)
		o.Pop()
		require.Zero(t, alive(refs))
		runtime.KeepAlive(o)
		runtime.KeepAlive(dst)
	})
}
