package tsync

import (
	"cmp"
	"context"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// Select waits until one of the cases can go on, does that case and returns it. It parks the
// calling task or blocks the calling goroutine. If several cases can go on, Select chooses one of
// them at random, all with the same probability. It never chooses a nil case or a case of a nil
// channel. If ctx ends first, Select returns nil and the context's cause, and has done no case.
//
//	numbers, quit := tsync.NewChan[int](0), tsync.NewChan[string](0)
//	number, end := numbers.RecvCase(), quit.RecvCase()
//	switch chosen, err := tsync.Select(c, number, end); chosen {
//	case number:
//		fmt.Println(number.Value)
//	case end:
//		fmt.Println(end.Value)
//	default:
//		return err
//	}
//
// If [OnRecv] or [OnSend] made the chosen case, its function is called before Select returns.
//
// Select panics if the chosen case sends on a closed channel, if a case is passed twice, and if
// another select is using one of the cases. If it panics, it has done no case, and all its cases
// can be used again. But a case that another select was using can be used again only after that
// select has returned.
func Select(ctx context.Context, cases ...Case) (chosen Case, err error) {
	d, err := enter(ctx)
	if err != nil {
		return nil, err
	}
	index, err := decide(ctx, d, cases)
	if err != nil {
		return nil, err
	}
	cases[index].then()
	return cases[index], nil
}

// decide does all of Select except calling the chosen case's function.
func decide(ctx context.Context, d *rt.Task, cases []Case) (index int, err error) {
	s := newSelection(d, cases)
	if len(s.order) == 0 {
		s.free(d)
		return -1, waitForCancel(ctx)
	}
	s.lock(d, cases)
	index, w := s.try(d, cases)
	if index >= 0 {
		s.unlock(cases, len(s.order))
		s.free(d)
		if w != nil {
			w.wake(d)
		}
		return index, nil
	}
	s.PrepareUnheld(ctx, d)
	if s.Foreign() {
		s.HoldForeign()
	}
	s.Reason = rt.WaitSelect
	// The cases are queued in random order, because a waker of a channel with two of the cases
	// chooses the first in its queue.
	for _, i := range s.poll {
		cases[i].enqueue(s, int(i))
	}
	h := s.helped(cases)
	s.help = h
	s.unlock(cases, 0)
	if h != nil {
		h.start(d)
	}
	if s.Own() {
		// This repeats wait.Waiter.WaitIn, because each frame between here and the switch costs
		// time.
		d.Worker().Host.Park(d, rt.WaitSelect.Park(rt.ForWake))
		if !d.Woken() {
			if s.Withdraw() {
				err = d.CtxCause()
			} else {
				d.AwaitWakeFor(rt.WaitSelect)
			}
		}
	} else {
		err = s.waitForeign(cases)
	}
	if err != nil {
		s.dequeueExcept(cases, -1)
		s.free(d)
		return -1, err
	}
	index = s.index
	s.dequeueExcept(cases, index)
	open := cases[index].finish(s)
	s.free(d)
	if !open {
		panicClosed("Select with a send")
	}
	return index, nil
}

// waitForeign waits under a context that is not the task's own Ctx. If a method of the context
// panics, WaitIn panics too, but only if no case was done or will be. Then waitForeign takes the
// cases out of their queues.
func (s *selection) waitForeign(cases []Case) error {
	returned := false
	defer func() {
		if !returned {
			s.dequeueExcept(cases, -1)
		}
	}()
	err := s.WaitIn(s)
	returned = true
	return err
}

// dequeueExcept takes all cases except the case at index out of their queues.
func (s *selection) dequeueExcept(cases []Case, index int) {
	for _, o := range s.order {
		if int(o.index) != index {
			cases[o.index].dequeue(s)
		}
	}
}

// TrySelect does one of the cases if it can do so without waiting, like a Go select with a default
// clause. It returns that case and true. If at some moment none of the cases could go on, it
// returns nil and false. It panics as [Select] does.
func TrySelect(cases ...Case) (chosen Case, ok bool) {
	point()
	s := newSelection(nil, cases)
	s.lock(nil, cases)
	index, w := s.try(nil, cases)
	s.unlock(cases, len(s.order))
	s.free(nil)
	if w != nil {
		w.wake(nil)
	}
	if index < 0 {
		return nil, false
	}
	cases[index].then()
	return cases[index], true
}

// A selection is one run of Select. Its cases stand in the queues of all their channels. To serve a
// case, a waker has to win the selection, and only one waker can. While a selection tries its
// cases, it may win another one, as its waker. No waker can win the first one meanwhile, because it
// holds the locks of all its channels until it waits.
type selection struct {
	wait.Waiter
	won   atomicx.Bool
	index int // which case was won; the winner writes it

	order []ordered   // the cases, sorted by the order of their channels
	poll  []uint16    // the cases in random order
	help  *nativeHelp // the helper, if the select waits and has native cases; see nativeHelp
	rng   uint64      // the state of random; 0 if the selection is new
}

// An ordered is a case and the place of its channel in the order of locking. unlock forgets use and
// at, so that a free selection keeps no channel alive.
type ordered struct {
	order uint64
	index uint16
	use   *caseHead
	at    *chanHead // nil for a native case
}

var selections wait.Pool[selection]

// modelSeed, if not 0, makes every select of a model choose in the same way each time.
var modelSeed uint64

// win claims the selection for a waker that wants to serve the case at index, and reports whether
// it succeeded. The caller holds the lock of the case's channel.
func (s *selection) win(index int) bool {
	if !s.won.CompareAndSwap(false, true) || s.help != nil && !s.help.decide() {
		return false
	}
	s.index = index
	return true
}

// Withdraw implements wait.Withdrawer.
func (s *selection) Withdraw() bool {
	return s.won.CompareAndSwap(false, true) && (s.help == nil || s.help.decide())
}

// random returns the next of a sequence of random numbers.
func (s *selection) random() uint64 {
	// This is Marsaglia's xorshift64.
	s.rng ^= s.rng << 13
	s.rng ^= s.rng >> 7
	s.rng ^= s.rng << 17
	return s.rng
}

// newSelection begins a select by the running task d, or by a goroutine if d is nil.
func newSelection(d *rt.Task, cases []Case) *selection {
	if len(cases) > 1<<16 {
		panic("tsync: Select of more than 65536 cases")
	}
	s := selections.Get(d)
	if s.rng == 0 { // it is new
		s.rng = rand.Uint64() | 1
	}
	if atomicx.Modelled && modelSeed != 0 {
		s.rng = modelSeed
	}
	var r, last uint64
	sorted := true
	for i, x := range cases {
		if x == nil {
			continue
		}
		u, at := x.head()
		if u == nil {
			continue
		}
		o := uint64(nativeOrder)
		if at != nil {
			o = at.order()
		}
		sorted = sorted && o >= last
		last = o
		// r is a random fraction from 0 up to 1. The whole part of r*(n+1) is the place of this
		// case among n+1, and the rest is the next r. One random number serves 16 cases.
		n := uint64(len(s.order))
		if n%16 == 0 {
			r = s.random()
		}
		var j uint64
		j, r = bits.Mul64(r, n+1)
		s.order = append(s.order, ordered{o, uint16(i), u, at})
		s.poll = append(s.poll, uint16(i))
		s.poll[n], s.poll[j] = s.poll[j], uint16(i)
	}
	if rt.Slow != 0 {
		s.direct()
	}
	if sorted {
		return s
	}
	if len(s.order) <= 16 {
		for k := 1; k < len(s.order); k++ {
			for j := k; j > 0 && s.order[j].order < s.order[j-1].order; j-- {
				s.order[j], s.order[j-1] = s.order[j-1], s.order[j]
			}
		}
	} else {
		slices.SortFunc(s.order, func(a, b ordered) int { return cmp.Compare(a.order, b.order) })
	}
	return s
}

// direct lets the caller's Director, if it has one, choose the order in which the cases are tried
// and queued. The Director names the first case, and the others follow in the order in which they
// were passed, and then from the beginning. So each case that can go on is chosen in some schedule.
func (s *selection) direct() {
	dir, _ := rt.DirectorOf()
	if dir == nil || len(s.poll) == 0 {
		return
	}
	slices.Sort(s.poll)
	k := dir.Pick(len(s.poll))
	s.poll = append(s.poll, s.poll[:k]...)
	s.poll = slices.Delete(s.poll, 0, k)
}

// lock locks all channels, each once, and attaches the cases. All selects lock in the same order,
// so that they cannot deadlock. If a select uses a case already, lock panics, with nothing locked
// or attached. d is the running task, or nil.
//
// Each case of a Chan records under its channel's lock whether a select uses it, because every
// select takes that lock anyway.
func (s *selection) lock(d *rt.Task, cases []Case) {
	var last *chanHead
	for k := range s.order {
		o := &s.order[k]
		var ok bool
		if at := o.at; at == nil {
			ok = cases[o.index].(nativeCase).attach()
		} else {
			if at != last {
				last = at
				at.mu.Lock()
				if at.word.Load()&chQueued == 0 {
					cases[o.index].unpair()
				}
			}
			ok = o.use.attach(s)
		}
		if !ok {
			s.undo(cases, k)
			s.free(d)
			panic("tsync: a Case is in use twice: each select needs cases of its own, and each of its cases only once")
		}
	}
}

// undo undoes lock if the case at place k is already in use. The cases after k are not yet
// attached.
func (s *selection) undo(cases []Case, k int) {
	clear(s.order[k+1:])
	s.order = s.order[:k+1]
	s.unlock(cases, k)
}

// unlock undoes attach for the first n of the cases in the order of locking, and unlocks all
// channels, each after its last case.
func (s *selection) unlock(cases []Case, n int) {
	for k := range s.order {
		o := &s.order[k]
		at := o.at
		if at == nil {
			if k < n {
				cases[o.index].(nativeCase).detach()
			}
			o.use = nil
			continue
		}
		if k < n {
			o.use.sel = nil
		}
		if k+1 == len(s.order) || s.order[k+1].at != at {
			at.mu.Unlock()
		}
		o.use, o.at = nil, nil
	}
}

// try does the first case, in random order, that can go on, and returns its index and the waiter to
// wake, if any. It returns -1 if no case can go on. The caller holds the locks of all channels. If
// the case is a send on a closed channel, try unlocks them, frees s and panics.
func (s *selection) try(d *rt.Task, cases []Case) (index int, w waker) {
	for _, i := range s.poll {
		switch o, w := cases[i].try(s); o {
		case done:
			return int(i), w
		case sendOnClosed:
			s.unlock(cases, len(s.order))
			s.free(d)
			panicClosed("Select with a send")
		}
	}
	return -1, nil
}

// free puts the selection, to which no case is attached any more, into the pool. d is the running
// task, or nil.
func (s *selection) free(d *rt.Task) {
	if s.won.Load() {
		if !s.Reusable() {
			// The function that watches the context may still look at s, or a goroutine has waited.
			return
		}
		s.won.Store(false)
	}
	s.order, s.poll, s.help = s.order[:0], s.poll[:0], nil
	if !selections.Keep(d, s) {
		selections.Share(d, s)
	}
}

var lastOrder atomicx.Uint64

// order returns the place of the channel in the order of locking. The first call chooses it.
func (h *chanHead) order() uint64 {
	if id := h.id.Load(); id != 0 {
		return id
	}
	h.id.CompareAndSwap(0, lastOrder.Add(1))
	return h.id.Load()
}
