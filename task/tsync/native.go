package tsync

import (
	"math"
	"reflect"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A select that waits and has native cases has a helper, a goroutine, wait for their channels. What the helper has taken from a
// channel cannot be put back, so from then on the select must not choose another case:
//
//	winner: a waker, or the end of the context    helper
//	P1 CAS won; if that fails, another party      H1 reflect.Select: the native channels, or stop
//	   has it                                     H2 stop: answer that nothing was done. The end
//	P2 close stop                                 H3 a channel: CAS won; if that fails, a winner is
//	P3 wait for the answer. Nothing was done:        at P2 or P3: answer that a case was done
//	   the select is the winner's                 H4 write the index, wake the select
//	P4 otherwise, as if the CAS had failed
//
// Only one CAS succeeds. If it is the helper's (H3), its case is the chosen one, and no winner gets past P1. If it is a winner's,
// the select of H1 alone decides between that winner and the helper: it is the winner's only if the helper has done nothing and,
// as its select has ended, will do nothing. Otherwise the helper wakes the select (H4), and the winner leaves it alone. So
// exactly one party chooses, and exactly one wakes.
//
// The winner waits at P3 with the lock of its channel held, and blocks its thread. That is short: H1 does not wait once stop is
// closed, and from there to the answer the helper takes no lock. Nor does the select go on before the helper has ended its
// part: it is woken by H4, or after P3.
type nativeHelp struct {
	s      *selection
	stop   chan struct{}
	answer chan bool // whether a native case was done
	index  []int     // of the cases, in the order of the reflect cases
	cases  []reflect.SelectCase
	of     []nativeCase
}

// A nativeCase is a case of a native channel.
type nativeCase interface {
	Case
	// native returns the operation.
	native() reflect.SelectCase
	// took keeps what the helper has received.
	took(v reflect.Value, ok bool)
}

// helped makes the helper of a select that has native cases, or returns nil. Called while all channels are locked.
func (s *selection) helped(cases []Case) *nativeHelp {
	if s.order[len(s.order)-1].order != nativeOrder {
		return nil
	}
	var h *nativeHelp
	for _, i := range s.poll {
		x, ok := cases[i].(nativeCase)
		if !ok {
			continue
		}
		if h == nil {
			h = &nativeHelp{s: s, stop: make(chan struct{}), answer: make(chan bool, 1)}
			h.cases = []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(h.stop)}}
		}
		h.index, h.of, h.cases = append(h.index, int(i)), append(h.of, x), append(h.cases, x.native())
	}
	return h
}

// start starts the helper of a select by the running task d, or by a goroutine if that is nil.
func (h *nativeHelp) start(d *rt.Task) {
	if d == nil {
		go h.run()
		return
	}
	d.Shared().Sched.Assist(h.run)
}

// run is the helper.
func (h *nativeHelp) run() {
	k, v, ok := h.choose() // (H1)
	if k == 0 {
		h.answer <- false // (H2)
		return
	}
	h.of[k-1].took(v, ok)
	if !h.s.won.CompareAndSwap(false, true) { // (H3)
		h.answer <- true
	}
	h.s.index = h.index[k-1] // (H4)
	h.s.Wake(nil)
}

// choose is the select of H1. k is 0 for stop.
func (h *nativeHelp) choose() (k int, v reflect.Value, ok bool) {
	if atomicx.Modelled && modelSeed != 0 {
		return h.chooseModelled()
	}
	return reflect.Select(h.cases)
}

// chooseModelled is choose in a model, which can only repeat what is not chosen at random: if several cases can go on, the first or the
// last of them, as modelSeed says. The native channels of a model have room for all that is sent.
func (h *nativeHelp) chooseModelled() (k int, v reflect.Value, ok bool) {
	var can []int
	atomicx.Await("H1", func() bool {
		can = can[:0]
		for i, x := range h.cases {
			if x.Chan.Len() > 0 {
				can = append(can, i)
			} else if v, _ := x.Chan.TryRecv(); v.IsValid() { // it is closed
				can = append(can, i)
			}
		}
		return len(can) > 0
	})
	k = can[0]
	if modelSeed%2 == 0 {
		k = can[len(can)-1]
	}
	v, ok = h.cases[k].Chan.Recv()
	return k, v, ok
}

// settle is P2 to P4. It reports whether the select is the winner's.
func (h *nativeHelp) settle() bool {
	close(h.stop)
	atomicx.Await("P3", func() bool { return len(h.answer) > 0 })
	return !<-h.answer
}

// NativeCase is the case of a select that receives from a native channel. Value and OK are set when it was chosen, to what the
// receipt has yielded. Make one with [RecvNative] or [OnRecvNative].
//
// A select that has to wait costs a goroutine for as long if one of its cases is native; those of a [Chan] have no such cost.
type NativeCase[T any] struct {
	Value T
	OK    bool

	ch   <-chan T
	f    func(v T, ok bool)
	used atomicx.Bool // by a select
}

// RecvNative makes a case that receives from the native channel ch.
func RecvNative[T any](ch <-chan T) *NativeCase[T] { return &NativeCase[T]{ch: ch} }

// OnRecvNative is [OnRecv] for the native channel ch.
func OnRecvNative[T any](ch <-chan T, f func(v T, ok bool)) *NativeCase[T] {
	return &NativeCase[T]{ch: ch, f: f}
}

// nativeOrder is the place of native channels, which need no lock, in the order of locking: the last.
const nativeOrder = math.MaxUint64

func (x *NativeCase[T]) order() uint64 {
	if x == nil || x.ch == nil {
		return 0
	}
	return nativeOrder
}

func (x *NativeCase[T]) lock()    {}
func (x *NativeCase[T]) unlock()  {}
func (x *NativeCase[T]) enqueue() {}

func (x *NativeCase[T]) attach(*selection, int) bool { return x.used.CompareAndSwap(false, true) }
func (x *NativeCase[T]) detach()                     { x.used.Store(false) }
func (x *NativeCase[T]) dequeue()                    { x.detach() }

func (x *NativeCase[T]) try(*selection) (outcome, waker) {
	select {
	case x.Value, x.OK = <-x.ch:
		return done, nil
	default:
		return notReady, nil
	}
}

func (x *NativeCase[T]) finish() bool {
	x.detach()
	return true
}

func (x *NativeCase[T]) then() {
	if x.f != nil {
		x.f(x.Value, x.OK)
	}
}

func (x *NativeCase[T]) native() reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(x.ch)}
}

func (x *NativeCase[T]) took(v reflect.Value, ok bool) {
	reflect.ValueOf(&x.Value).Elem().Set(v)
	x.OK = ok
}
