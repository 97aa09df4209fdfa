package deque

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		v := o.Thief()
		require.Nil(t, o.Pop())
		x, out := v.Steal()
		require.Nil(t, x)
		require.Equal(t, Empty, out)
		require.True(t, v.Empty())

		all := items(5)
		o.Push(all[0])
		require.Equal(t, 1, o.Len())
		require.False(t, v.Empty())
		require.Same(t, all[0], o.Pop())
		require.Nil(t, o.Pop())

		for _, x := range all {
			o.Push(x)
		}
		require.Equal(t, 5, v.Len())
		x, out = v.Steal()
		require.Same(t, all[0], x)
		require.Equal(t, Stolen, out)
		if o.Flavour() == LIFO {
			require.Equal(t, []int{4, 3, 2, 1}, drain(o))
		} else {
			require.Equal(t, []int{1, 2, 3, 4}, drain(o))
		}
		require.Zero(t, o.Len())
		require.Zero(t, v.Len())
	})
}

func TestGrowKeepsOrder(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		for i, x := range items(100) {
			o.Push(x)
			if i%3 == 0 {
				_, out := o.Thief().Steal()
				require.Equal(t, Stolen, out)
			}
			requireInvariant(t, o)
		}
		x, _ := o.Thief().Steal()
		require.Equal(t, 34, x.id)
		require.Equal(t, 65, o.Len())
	})
}

func TestPrivateTail(t *testing.T) {
	eachOf(t, LIFO, func(t *testing.T, o *Owner[item]) {
		v := o.Thief()
		all := items(8)
		for _, x := range all[:5] {
			pushPrivate(o, x)
		}
		require.Equal(t, 5, o.PrivateLen())
		require.Equal(t, 5, o.Len())
		require.True(t, v.Empty(), "private elements are hidden")
		require.Zero(t, o.Expose(), "nobody asked")

		_, out := v.Steal()
		require.Equal(t, Empty, out)
		require.True(t, o.Wanted())
		require.False(t, o.TryPushPrivate(all[5]), "a request needs the slow path")
		require.Equal(t, 5, o.Len())
		require.True(t, o.PushPrivate(all[5]), "half is exposed")
		require.False(t, o.Wanted())
		require.Equal(t, 3, v.Len())
		require.Equal(t, 3, o.PrivateLen())
		requireInvariant(t, o)

		x, out := v.Steal()
		require.Equal(t, Stolen, out)
		require.Same(t, all[0], x)

		require.False(t, o.PopPrivateIf(all[4]), "not the newest")
		require.True(t, o.PopPrivateIf(all[5]))
		require.Same(t, all[4], o.PopPrivate())
		require.Same(t, all[3], o.Pop())
		require.Nil(t, o.PopPrivate())
		require.False(t, o.PopPrivateIf(all[2]), "shared again means not private")
		require.Same(t, all[2], o.Pop(), "taken back")
		requireInvariant(t, o)

		pushPrivate(o, all[6])
		o.Push(all[7])
		require.Zero(t, o.PrivateLen(), "Push exposes what is older")
		require.Equal(t, 3, v.Len())
		require.Equal(t, []int{7, 6, 1}, drain(o))
	})
}

func TestExposeAll(t *testing.T) {
	eachOf(t, LIFO, func(t *testing.T, o *Owner[item]) {
		require.Zero(t, o.ExposeAll())
		for _, x := range items(4) {
			pushPrivate(o, x)
		}
		o.Thief().Steal()
		require.Equal(t, 4, o.ExposeAll())
		require.False(t, o.Wanted())
		require.Zero(t, o.PrivateLen())
		require.Equal(t, 4, o.Thief().Len())
	})
}

func TestRequestBeforeAnythingIsPushed(t *testing.T) {
	eachOf(t, LIFO, func(t *testing.T, o *Owner[item]) {
		o.Thief().Steal()
		require.True(t, o.Wanted())
		require.True(t, o.PushPrivate(&item{}), "the first element goes to the thief")
		require.Zero(t, o.PrivateLen())
		_, out := o.Thief().Steal()
		require.Equal(t, Stolen, out)
		require.False(t, o.Wanted(), "only who finds nothing asks")
		o.Thief().Steal()
		require.Zero(t, o.Expose())
		require.False(t, o.Wanted(), "met, with nothing")
	})
}

func TestStealBatch(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		for _, dstFlavour := range []Flavour{LIFO, FIFO} {
			dst := New[item](dstFlavour, minCapacity)
			_, n, out := o.Thief().StealBatch(dst, 8)
			require.Zero(t, n)
			require.Equal(t, Empty, out)

			for _, x := range items(11) {
				o.Push(x)
			}
			first, n, out := o.Thief().StealBatch(dst, 100)
			require.Equal(t, Stolen, out)
			require.Equal(t, 6, n, "half of 11, rounded up")
			require.Zero(t, first.id)
			require.Equal(t, 5, dst.Thief().Len(), "the others are visible at once")
			requireInvariant(t, dst)
			if dstFlavour == LIFO {
				require.Equal(t, []int{5, 4, 3, 2, 1}, drain(dst))
			} else {
				require.Equal(t, []int{1, 2, 3, 4, 5}, drain(dst))
			}

			first, n, _ = o.Thief().StealBatch(dst, 2)
			require.Equal(t, 6, first.id)
			require.Equal(t, 2, n, "the limit")
			require.Equal(t, []int{7}, drain(dst))
			_, n, _ = o.Thief().StealBatch(dst, 1)
			require.Equal(t, 1, n)
			require.Zero(t, dst.Len())
			require.Len(t, drain(o), 2)
			requireInvariant(t, o)
		}
	})
}

func TestStealBatchExposesPrivateElementsOfDst(t *testing.T) {
	o, dst := New[item](FIFO, 0), New[item](LIFO, 0)
	for _, x := range items(4) {
		o.Push(x)
	}
	pushPrivate(dst, &item{id: 100})
	o.Thief().StealBatch(dst, 2)
	require.Equal(t, []int{1, 100}, drain(dst))
}

func TestTrim(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		for _, x := range items(100) {
			o.Push(x)
		}
		o.Trim()
		require.Len(t, o.slots, 128, "not empty")
		drain(o)
		o.Trim()
		require.Len(t, o.slots, minCapacity)
		requireInvariant(t, o)
		o.Push(&item{id: 7})
		x, _ := o.Thief().Steal()
		require.Equal(t, 7, x.id)
	})
}

func TestMisusePanics(t *testing.T) {
	var zero Owner[item]
	require.Nil(t, zero.Pop())
	_, out := zero.Thief().Steal()
	require.Equal(t, Empty, out)
	require.True(t, zero.Thief().Empty())
	var zeroAgain Owner[item]
	require.PanicsWithValue(t, "deque: push on an Owner that was not initialised: call Init or New first", func() { zeroAgain.Push(&item{}) })
	require.Panics(t, func() { pushPrivate(&zeroAgain, &item{}) })

	fifo := New[item](FIFO, 0)
	require.False(t, fifo.Wanted())
	require.Panics(t, func() { pushPrivate(fifo, &item{}) })
	fifo.Thief().Steal()
	require.Panics(t, func() { pushPrivate(fifo, &item{}) })
	require.Nil(t, fifo.PopPrivate())
	require.Zero(t, fifo.ExposeAll())
	require.Panics(t, func() { pushPrivate(fifo, &item{}) }, "ExposeAll leaves want alone")

	require.Panics(t, func() { fifo.Thief().StealBatch(fifo, 1) })
	require.Panics(t, func() { fifo.Thief().StealBatch(New[item](FIFO, 0), 0) })
	require.Panics(t, func() { New[item](FIFO, -1) })
	require.Panics(t, func() { New[item](Flavour(7), 0) })
}

func TestCapacityIsRoundedUp(t *testing.T) {
	for given, want := range map[int]int{0: DefaultCapacity, 1: 2, 2: 2, 3: 4, 64: 64, 65: 128} {
		require.Len(t, New[item](LIFO, given).slots, want)
	}
}

func TestNames(t *testing.T) {
	require.Equal(t, "LIFO FIFO Flavour(9)", LIFO.String()+" "+FIFO.String()+" "+Flavour(9).String())
	require.Equal(t, "Empty Retry Stolen Outcome(?)", Empty.String()+" "+Retry.String()+" "+Stolen.String()+" "+Outcome(9).String())
}

func TestNothingIsAllocated(t *testing.T) {
	each(t, func(t *testing.T, o *Owner[item]) {
		dst := New[item](o.Flavour(), 0)
		x := &item{}
		cycle := func() {
			for range 10 {
				o.Push(x)
			}
			o.Thief().StealBatch(dst, 5)
			for dst.Pop() != nil {
			}
			for o.Pop() != nil {
			}
		}
		cycle() // grows
		require.Zero(t, testing.AllocsPerRun(100, cycle))
	})
}
