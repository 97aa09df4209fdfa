package deque

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// reference is a deque made of two slices: it does what Owner and Thief do without races.
type reference struct {
	flavour         Flavour
	shared, private []*item
	wanted          bool
	left            map[*item]bool // taken back and not pushed again
}

func (r *reference) expose(n int) {
	r.shared = append(r.shared, r.private[:n]...)
	r.private = r.private[n:]
}

func (r *reference) push(x *item) {
	r.expose(len(r.private))
	r.shared = append(r.shared, x)
}

func (r *reference) exposeWanted() int {
	if !r.wanted {
		return 0
	}
	n := (len(r.private) + 1) / 2
	r.expose(n)
	r.wanted = false
	return n
}

func (r *reference) popPrivate() *item { return popLast(&r.private) }

func (r *reference) pop() *item {
	if r.flavour == FIFO {
		return popFirst(&r.shared)
	}
	if x := popLast(&r.private); x != nil {
		return x
	}
	return popLast(&r.shared)
}

func (r *reference) steal() *item {
	x := popFirst(&r.shared)
	if x == nil && r.flavour == LIFO {
		r.wanted = true
	}
	return x
}

func popFirst(s *[]*item) *item {
	if len(*s) == 0 {
		return nil
	}
	x := (*s)[0]
	*s = (*s)[1:]
	return x
}

func popLast(s *[]*item) *item {
	if len(*s) == 0 {
		return nil
	}
	x := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return x
}

// FuzzDeque decodes operations on two deques from bytes and compares each result with those of the
// references. The first byte gives the flavours and the start. In each other byte, the low bits are
// the operation and the high bits its parameter.
func FuzzDeque(f *testing.F) {
	f.Add([]byte{})
	for config := range byte(12) {
		f.Add([]byte{config, 0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 3}) // push, pop
		// A private tail, requests, exposure.
		f.Add([]byte{config, 1, 1, 1, 1, 7, 1, 7, 4, 3, 3, 3, 7, 1, 5, 7})
		f.Add([]byte{config, 1, 1, 1, 12, 12, 13, 13, 7, 12, 13, 1, 9, 12, 1, 1, 1, 1, 12, 7, 7, 13, 3, 13})
		f.Add([]byte{config, 0, 0, 0, 0, 0, 0, 0, 0x28, 0x58, 0x08, 3, 10, 0, 0, 7})
		f.Add([]byte{config, 0, 0, 0, 7, 7, 7, 0, 0, 0, 0, 7, 7, 3, 3, 3, 9, 0, 0, 0x18, 9, 11, 2, 2, 6, 6})
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 300 {
			return
		}
		config := byte(0)
		if len(ops) > 0 {
			config, ops = ops[0], ops[1:]
		}
		var o [2]*Owner[item]
		var r [2]*reference
		for i := range o {
			fl := Flavour(config >> i & 1)
			o[i], r[i] = New[item](fl, minCapacity), &reference{flavour: fl, left: map[*item]bool{}}
			o[i].rebase(starts[config>>2%3])
		}
		next := 0
		fresh := func() *item { next++; return &item{id: next} }

		for _, op := range ops {
			arg := int(op >> 4)
			a, b := o[arg&1], o[arg&1^1]
			ra, rb := r[arg&1], r[arg&1^1]
			switch op & 15 {
			case 0:
				x := fresh()
				a.Push(x)
				ra.push(x)
			case 1, 2:
				if ra.flavour == FIFO {
					continue
				}
				x := fresh()
				ra.private = append(ra.private, x)
				if op&1 == 1 && a.TryPushPrivate(x) {
					require.False(t, ra.wanted)
				} else {
					require.Equal(t, ra.exposeWanted() > 0, a.PushPrivate(x))
				}
			case 3:
				require.Same(t, ra.pop(), a.Pop())
			case 4:
				require.Same(t, ra.popPrivate(), a.PopPrivate())
			case 5:
				var x *item
				if n := len(ra.private); n > 0 {
					x = ra.private[max(0, n-1-arg>>1&1)]
				}
				want := x != nil && x == ra.private[len(ra.private)-1]
				require.Equal(t, want, a.PopPrivateIf(x))
				if want {
					ra.popPrivate()
				}
			case 6:
				require.Equal(t, ra.exposeWanted(), a.Expose())
			case 7:
				x, out := a.Thief().Steal()
				require.Same(t, ra.steal(), x)
				require.Equal(t, x != nil, out == Stolen)
			case 8:
				limit := 1 + arg>>1
				n := min((len(ra.shared)+1)/2, limit)
				first, got, out := a.Thief().StealBatch(b, limit)
				require.Equal(t, n, got)
				require.Same(t, ra.steal(), first)
				require.Equal(t, first != nil, out == Stolen)
				for range n - 1 {
					rb.push(ra.steal())
				}
			case 9:
				require.Equal(t, len(ra.private), a.ExposeAll())
				ra.expose(len(ra.private))
				ra.wanted = false
			case 10:
				a.Trim()
			case 11:
				require.Equal(t, ra.wanted, a.Wanted())
				require.Equal(t, len(ra.shared) == 0, a.Thief().Empty())
			case 12:
				n := len(ra.private)
				require.Equal(t, n > 0, n > 0 && a.TakeBackIf(ra.private[n-1]))
				if n == 0 {
					continue
				}
				x := ra.popPrivate()
				ra.left[x] = true
				require.Same(t, x, a.Leftover())
			case 13:
				x := a.Leftover()
				if x == nil {
					continue
				}
				require.True(t, ra.left[x], "%v was not left by TakeBackIf, or pushed since", x.id)
				require.Equal(t, !ra.wanted, a.PushLeftover())
				if !ra.wanted {
					delete(ra.left, x)
					ra.private = append(ra.private, x)
				}
			case 14:
				if ra.flavour == FIFO {
					continue
				}
				a.ReverseNewest(arg)
				ra.expose(len(ra.private))
				slices.Reverse(ra.shared[max(0, len(ra.shared)-arg):])
			case 15:
				if ra.flavour == FIFO || len(ra.private) > 0 {
					continue
				}
				x := a.Newest()
				require.Same(t, popLast(&ra.shared), x)
				require.Same(t, x, a.PopShared())
			}
			for i := range o {
				require.Equal(t, len(r[i].shared), o[i].Thief().Len())
				require.Equal(t, len(r[i].private), o[i].PrivateLen())
				require.Equal(t, len(r[i].shared)+len(r[i].private), o[i].Len())
				requireInvariant(t, o[i], slices.Collect(maps.Keys(r[i].left))...)
			}
		}
		for i := range o {
			for {
				x := o[i].Pop()
				require.Same(t, r[i].pop(), x)
				if x == nil {
					break
				}
			}
		}
	})
}
