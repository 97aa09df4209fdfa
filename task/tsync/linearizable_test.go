package tsync

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

// A history records what the units of a test did, and when.
type history struct {
	mu    sync.Mutex
	begun time.Time
	ops   []porcupine.Operation
}

// do runs f and records the operation in with the result of f.
func (h *history) do(client int, in any, f func() any) {
	call := time.Since(h.begun).Nanoseconds()
	out := f()
	ret := time.Since(h.begun).Nanoseconds()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: ret})
}

func (h *history) require(t *testing.T, m porcupine.Model) {
	t.Helper()
	switch porcupine.CheckOperationsTimeout(m, h.ops, 5*time.Second) {
	case porcupine.Illegal:
		t.Fatalf("not linearizable: %+v", h.ops)
	case porcupine.Unknown:
		t.Log("the checker ran out of time")
	}
}

// histories checks random histories against the model, in each flavour. client does the operations
// of one client.
func histories(t *testing.T, model func(w *world) porcupine.Model, client func(w *world, h *history, ctx context.Context, id int, r *rand.Rand)) {
	eachOf(t, []int{1, 2, 8}, []flavour{tasks, derived, goroutines, mixture}, func(w *world) {
		for seed := range uint64(scale(20)) {
			m := model(w)
			h := &history{begun: time.Now()}
			var us []*unit
			for id := range 5 {
				us = append(us, w.start(func(ctx context.Context) {
					client(w, h, ctx, id, rand.New(rand.NewPCG(seed, uint64(id))))
				}))
			}
			// Units that still wait are cancelled one after the other.
			for i := 0; ; i++ {
				if i%2 == 1 {
					us[i/2%len(us)].cancel(errStop)
				}
				if allDone(us) {
					break
				}
				// The next cancellation comes later; nothing depends on this pause.
				time.Sleep(50 * time.Microsecond)
			}
			w.wait()
			h.require(w.t, m)
		}
	})
}

func allDone(us []*unit) bool {
	for _, u := range us {
		select {
		case <-u.done:
		default:
			return false
		}
	}
	return true
}

type chanIn struct {
	op string // send, trySend, recv, tryRecv, tryCase, close
	v  int
}

type chanOut struct {
	v      int
	ok     bool
	done   bool // the operation succeeded
	closed bool // the operation panicked because the channel was closed
}

type chanState struct {
	buf    []int
	closed bool
}

// chanModel is a queue. It models an unbuffered channel as one that holds a single value between
// its send and its receive, and lets TrySend and TryRecv fail at any time. TestChanRendezvous
// checks what this model cannot see of a rendezvous.
func chanModel(capacity int) porcupine.Model {
	limit := max(capacity, 1)
	return porcupine.Model{
		Init: func() any { return chanState{} },
		Equal: func(a, b any) bool {
			x, y := a.(chanState), b.(chanState)
			return x.closed == y.closed && slices.Equal(x.buf, y.buf)
		},
		Step: func(state, input, output any) (bool, any) {
			s, in, out := state.(chanState), input.(chanIn), output.(chanOut)
			switch in.op {
			case "send", "trySend":
				if out.closed {
					return s.closed, s
				}
				if !out.done { // cancelled, or not possible without waiting
					return in.op == "send" || capacity == 0 || !s.closed && len(s.buf) == limit, s
				}
				return !s.closed && len(s.buf) < limit, chanState{append(slices.Clone(s.buf), in.v), s.closed}
			case "tryRecv": // does not tell a channel that is closed and drained from an empty one
				if !out.ok {
					return capacity == 0 || len(s.buf) == 0, s
				}
				return len(s.buf) > 0 && s.buf[0] == out.v, chanState{slices.Clone(s.buf[min(1, len(s.buf)):]), s.closed}
			case "recv", "tryCase":
				switch {
				case !out.done:
					return in.op == "recv" || capacity == 0 && !s.closed || len(s.buf) == 0 && !s.closed, s
				case !out.ok:
					return s.closed && len(s.buf) == 0, s
				}
				return len(s.buf) > 0 && s.buf[0] == out.v, chanState{slices.Clone(s.buf[min(1, len(s.buf)):]), s.closed}
			default:
				if out.closed {
					return s.closed, s
				}
				return !s.closed, chanState{s.buf, true}
			}
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprint(in, out) },
	}
}

func TestChanLinearizable(t *testing.T) {
	for _, capacity := range []int{0, 1, 2} {
		var ch *Chan[int]
		histories(t, func(*world) porcupine.Model {
			ch = NewChan[int](capacity)
			return chanModel(capacity)
		}, func(w *world, h *history, ctx context.Context, id int, r *rand.Rand) {
			ch := ch
			for i := range 6 {
				in := chanIn{v: id*100 + i}
				switch x := r.IntN(40); {
				case x < 14:
					in.op = "send"
				case x < 28:
					in.op = "recv"
				case x < 33:
					in.op = "trySend"
				case x < 36:
					in.op = "tryRecv"
				case x < 39:
					in.op = "tryCase"
				default:
					in.op = "close"
				}
				h.do(id, in, func() (out any) {
					defer func() {
						if recover() != nil {
							out = chanOut{closed: true}
						}
					}()
					switch in.op {
					case "send":
						return chanOut{done: ch.Send(ctx, in.v) == nil}
					case "trySend":
						return chanOut{done: ch.TrySend(in.v)}
					case "recv":
						v, ok, err := ch.Recv(ctx)
						return chanOut{v: v, ok: ok, done: err == nil}
					case "tryRecv":
						v, ok := ch.TryRecv()
						return chanOut{v: v, ok: ok}
					case "tryCase":
						r := ch.RecvCase()
						_, done := TrySelect(r)
						return chanOut{v: r.Value, ok: r.OK, done: done}
					}
					ch.Close()
					return chanOut{}
				})
				if r.IntN(4) == 0 {
					yield(ctx)
				}
			}
		})
	}
}

// TestChanRendezvous checks that a Send on an unbuffered channel returns only after the Recv that
// takes its value has begun.
func TestChanRendezvous(t *testing.T) {
	each(t, func(w *world) {
		ch := NewChan[int](0)
		n := scale(1000)
		// begun is written before each Recv and read after each Send: the channel orders the
		// accesses.
		begun := 0
		w.start(func(ctx context.Context) {
			for i := range n {
				w.check(ch.Send(ctx, i) == nil && begun >= i+1, "Send %d returned with %d Recvs", i, begun)
				_, _, _ = ch.Recv(ctx)
			}
		})
		w.start(func(ctx context.Context) {
			for i := range n {
				begun++
				v, _, err := ch.Recv(ctx)
				w.check(v == i && err == nil, "%d %v", v, err)
				w.check(ch.Send(ctx, 0) == nil, "Send")
			}
		})
	})
}

type semIn struct {
	op string // acquire, try, release
	n  int64
}

func TestSemaphoreLinearizable(t *testing.T) {
	const size = 3
	model := porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, output any) (bool, any) {
			used, in, ok := state.(int64), input.(semIn), output.(bool)
			switch {
			case in.op == "release":
				return used >= in.n, used - in.n
			case !ok: // cancelled, or not taken because others wait
				return true, used
			}
			return used+in.n <= size, used + in.n
		},
	}
	var s *Semaphore
	histories(t, func(*world) porcupine.Model {
		s = NewSemaphore(size)
		return model
	}, func(w *world, h *history, ctx context.Context, id int, r *rand.Rand) {
		s, got := s, false
		for range 6 {
			n := r.Int64N(size) + 1
			if r.IntN(3) == 0 {
				h.do(id, semIn{"try", n}, func() any { got = s.TryAcquire(n); return got })
			} else {
				h.do(id, semIn{"acquire", n}, func() any { got = s.Acquire(ctx, n) == nil; return got })
			}
			if got {
				yield(ctx)
				h.do(id, semIn{"release", n}, func() any { s.Release(n); return true })
			}
		}
	})
}

type rwState struct {
	readers int
	writing bool
}

func TestRWMutexLinearizable(t *testing.T) {
	model := porcupine.Model{
		Init: func() any { return rwState{} },
		Step: func(state, input, output any) (bool, any) {
			s, ok := state.(rwState), output.(bool)
			free := !s.writing && s.readers == 0
			switch input.(string) {
			case "lock":
				return !ok || free, write(s, ok)
			case "tryLock":
				return ok == free, write(s, ok)
			case "rlock", "tryRLock": // TryRLock fails also while a writer waits
				if ok {
					return !s.writing, rwState{s.readers + 1, false}
				}
				return true, s
			case "unlock":
				return s.writing, rwState{}
			default:
				return s.readers > 0, rwState{s.readers - 1, false}
			}
		},
	}
	var rw *RWMutex
	histories(t, func(*world) porcupine.Model {
		rw = new(RWMutex)
		return model
	}, func(w *world, h *history, ctx context.Context, id int, r *rand.Rand) {
		rw, got := rw, false
		for range 6 {
			undo, end := "unlock", rw.Unlock
			switch r.IntN(6) {
			case 0:
				h.do(id, "tryLock", func() any { got = rw.TryLock(); return got })
			case 1:
				h.do(id, "lock", func() any { got = rw.LockContext(ctx) == nil; return got })
			case 2:
				undo, end = "runlock", rw.RUnlock
				h.do(id, "tryRLock", func() any { got = rw.TryRLock(); return got })
			default:
				undo, end = "runlock", rw.RUnlock
				h.do(id, "rlock", func() any { got = rw.RLockContext(ctx) == nil; return got })
			}
			if got {
				yield(ctx)
				h.do(id, undo, func() any { end(); return true })
			}
		}
	})
}

// write returns the state after a Lock that has succeeded if ok.
func write(s rwState, ok bool) rwState {
	if ok {
		return rwState{writing: true}
	}
	return s
}

// TestCheckerRejects checks that the checker rejects a history that loses a value.
func TestCheckerRejects(t *testing.T) {
	op := func(client int, in chanIn, call int64, out chanOut) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: call + 1}
	}
	h := []porcupine.Operation{
		op(0, chanIn{op: "send", v: 1}, 0, chanOut{done: true}),
		op(0, chanIn{op: "send", v: 2}, 2, chanOut{done: true}),
		op(1, chanIn{op: "recv"}, 4, chanOut{v: 2, ok: true, done: true}),
	}
	require.False(t, porcupine.CheckOperations(chanModel(2), h))
}
