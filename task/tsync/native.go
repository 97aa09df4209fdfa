package tsync

import (
	"math"
	"reflect"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A native case is a case of a select that receives from a Go channel. If a select has native cases
// and has to wait, a goroutine, the *helper*, waits for their channels. The helper cannot put back
// what it has received, so after that the select must not choose another case. Two other parties
// may end the wait: a waker, which serves another case, and the end of the context. Both are called
// a *winner* here. These are the steps of both sides:
//
//	winner: a waker, or the end of the context  helper
//	Native-P1 CAS won; if that fails,           Native-H1 reflect.Select on the native
//	          another party has the select                channels and on stop
//	Native-P2 close stop                        Native-H2 if stop was chosen: answer
//	Native-P3 wait for the answer; if it is               "not done", and return
//	          "not done", the winner has the    Native-H3 otherwise CAS won; if that fails,
//	          select                                      a winner is at Native-P2 or Native-P3:
//	Native-P4 if it is "done", go on as if the            answer "done"
//	          CAS of Native-P1 had failed       Native-H4 write the index, wake the select
//
// Only one CAS of won succeeds. If it is the helper's (Native-H3), the helper's case is the chosen
// one, and no winner gets past Native-P1. If it is a winner's, the reflect.Select of Native-H1
// decides between that winner and the helper. If the reflect.Select chose stop, the helper has
// received nothing and never will, and the winner has the select. Otherwise the helper wakes the
// select (Native-H4), and the winner leaves the select alone. So exactly one party chooses the
// case, and exactly one wakes the select.
//
// The winner waits at Native-P3 with its channel's lock held, and blocks its thread. The wait is
// short, because Native-H1 does not wait once stop is closed, and the helper takes no lock between
// Native-H1 and its answer. The select does not go on before the helper has finished with it,
// because either Native-H4 wakes it, or the winner does after Native-P3.
type nativeHelp struct {
	s      *selection
	stop   chan struct{}
	answer chan bool // whether the helper has done a native case
	index  []int     // for each reflect case after stop, the index of the select's case
	cases  []reflect.SelectCase
	of     []nativeCase
}

// A nativeCase is a case of a Go channel.
type nativeCase interface {
	Case
	// attach makes the case part of a select. It reports false if a select already uses the case.
	attach() bool
	// detach undoes attach.
	detach()
	// native returns the operation, for reflect.Select.
	native() reflect.SelectCase
	// took keeps the value that the helper has received.
	took(v reflect.Value, ok bool)
}

// helped makes the helper for a select with native cases. It returns nil if there are none. The
// caller holds the locks of all channels.
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

// start starts the helper. The select's caller is the running task d, or a goroutine if d is nil.
func (h *nativeHelp) start(d *rt.Task) {
	if d == nil {
		go h.run()
		return
	}
	d.Shared().Sched.Assist(h.run)
}

// run is the body of the helper's goroutine.
func (h *nativeHelp) run() {
	k, v, ok := h.choose() // (Native-H1)
	if k == 0 {
		h.answer <- false // (Native-H2)
		return
	}
	h.of[k-1].took(v, ok)
	if !h.s.won.CompareAndSwap(false, true) { // (Native-H3)
		h.answer <- true
	}
	h.s.index = h.index[k-1] // (Native-H4)
	h.s.Wake(nil)
}

// choose does the reflect.Select of Native-H1. k is 0 if it chose stop.
func (h *nativeHelp) choose() (k int, v reflect.Value, ok bool) {
	if atomicx.Modelled && modelSeed != 0 {
		return h.chooseModelled()
	}
	return reflect.Select(h.cases)
}

// chooseModelled is choose for the model checker. A model can be replayed only if nothing is
// random. So if several channels are ready, chooseModelled takes the first or the last of them, as
// modelSeed says. In a model, native channels must have room for all the values that are sent.
func (h *nativeHelp) chooseModelled() (k int, v reflect.Value, ok bool) {
	var can []int
	atomicx.Await("Native-H1", func() bool {
		can = can[:0]
		for i, x := range h.cases {
			if x.Chan.Len() > 0 {
				can = append(can, i)
			} else if v, _ := x.Chan.TryRecv(); v.IsValid() { // the channel is closed
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

// decide does Native-P2 to Native-P4 for its caller, a winner. It reports whether the winner has
// the select.
func (h *nativeHelp) decide() bool {
	close(h.stop)
	atomicx.Await("Native-P3", func() bool { return len(h.answer) > 0 })
	return !<-h.answer
}

// NativeCase is a case of a select that receives from a Go channel. When a select has chosen it,
// Value and OK hold what it received. Make one with [RecvNative] or [OnRecvNative].
//
// While a select with a native case waits, it occupies a goroutine. Selects with cases of a [Chan]
// only do not.
type NativeCase[T any] struct {
	Value T
	OK    bool

	ch   <-chan T
	f    func(v T, ok bool)
	used atomicx.Bool // set while a select uses the case
	caseHead
}

// RecvNative makes a case that receives from the Go channel ch.
func RecvNative[T any](ch <-chan T) *NativeCase[T] { return &NativeCase[T]{ch: ch} }

// OnRecvNative is like [OnRecv], for the Go channel ch.
func OnRecvNative[T any](ch <-chan T, f func(v T, ok bool)) *NativeCase[T] {
	return &NativeCase[T]{ch: ch, f: f}
}

// nativeOrder is the place of Go channels in the order of locking. They come last because they need
// no lock.
const nativeOrder = math.MaxUint64

func (x *NativeCase[T]) head() (*caseHead, *chanHead) {
	if x == nil || x.ch == nil {
		return nil, nil
	}
	return &x.caseHead, nil
}

func (x *NativeCase[T]) unpair()                 {}
func (x *NativeCase[T]) enqueue(*selection, int) {}

func (x *NativeCase[T]) attach() bool       { return x.used.CompareAndSwap(false, true) }
func (x *NativeCase[T]) detach()            { x.used.Store(false) }
func (x *NativeCase[T]) dequeue(*selection) { x.detach() }

func (x *NativeCase[T]) try(*selection) (outcome, waker) {
	select {
	case x.Value, x.OK = <-x.ch:
		return done, nil
	default:
		return notReady, nil
	}
}

func (x *NativeCase[T]) finish(*selection) bool {
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
