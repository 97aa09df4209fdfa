package wait_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/task"
)

// A broken context has a method that panics, or calls runtime.Goexit, once the context is armed.
type broken struct {
	context.Context
	method string
	exits  bool
	armed  atomic.Bool
}

const brokenPanic = "the context is broken"

func (x *broken) call(method string) {
	if method != x.method || !x.armed.Load() {
		return
	}
	if x.exits {
		runtime.Goexit()
	}
	panic(brokenPanic)
}

func (x *broken) Done() <-chan struct{} { x.call("Done"); return x.Context.Done() }
func (x *broken) Err() error            { x.call("Err"); return x.Context.Err() }
func (x *broken) Value(key any) any     { x.call("Value"); return x.Context.Value(key) }

// A wait is given up if a method of its context panics or exits before a claim: the panic goes on,
// no later claim succeeds, and the next wait of the task is not disturbed. If a claim came first,
// the event counts, and the panic does not.
func TestBrokenContexts(t *testing.T) {
	s := open(t, 2)
	for _, at := range places {
		methods := []string{"Done"} // what a wait of a goroutine calls before it blocks
		if at.name == "task" {
			methods = []string{"Done", "Value"}
		}
		for _, method := range methods {
			for _, claimed := range []bool{false, true} {
				for _, exits := range []bool{false, true} {
					name := at.name + " " + method + map[bool]string{true: " claimed"}[claimed] + map[bool]string{true: " exits"}[exits]
					t.Run(name, func(t *testing.T) {
						ctx, cancel := context.WithCancel(bg)
						defer cancel()
						x := &broken{Context: ctx, method: method, exits: exits}
						var w, next wait.Waiter
						known := make(chan struct{})
						went := ""
						ended := at.start(s, func(context.Context) {
							w.Init(x)
							if claimed {
								assert.True(t, w.Claim())
								w.Wake(nil)
							}
							x.armed.Store(true)
							func() {
								went = "exited"
								defer func() {
									if went == "exited" {
										next.Init(bg)
										close(known)
										assert.NoError(t, next.Wait(), "in a deferred call")
									}
								}()
								v := recovered(func() {
									assert.NoError(t, w.Wait())
									went = "returned"
								})
								if went != "returned" && v != nil {
									assert.Equal(t, brokenPanic, v)
									went = "panicked"
								}
							}()
							next.Init(bg)
							close(known)
							assert.NoError(t, next.Wait())
						})
						<-known
						require.False(t, w.Claim(), "later")
						select {
						case <-ended:
							t.Fatal("the next wait is woken by nothing")
						default:
						}
						require.True(t, next.Claim())
						next.Wake(nil)
						<-ended
						switch {
						case exits:
							require.Equal(t, "exited", went)
						case claimed:
							require.Equal(t, "returned", went)
						default:
							require.Equal(t, "panicked", went)
						}
					})
				}
			}
		}
	}
}

// A context that panics when it is asked for the cause of its end gives no event: the panic goes
// on.
func TestBrokenWhenItEnds(t *testing.T) {
	s := open(t, 2)
	for _, at := range places {
		for _, way := range []string{"Claim", "Withdrawer"} {
			t.Run(at.name+" "+way, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(bg)
				x := &broken{Context: ctx, method: "Value"}
				var w wait.Waiter
				var q slot
				known := make(chan struct{})
				var v any
				ended := at.start(s, func(context.Context) {
					w.Prepare(x, rt.Current())
					q.put(&w)
					close(known)
					if way == "Claim" {
						v = recovered(func() { _ = w.Wait() })
					} else {
						v = recovered(func() { _ = w.WaitIn(&q) })
					}
				})
				<-known
				if at.name == "task" {
					// The watch, which asks for values, has to stand before.
					for runs(&w) {
						runtime.Gosched()
					}
				}
				x.armed.Store(true)
				cancel(errStop)
				<-ended
				require.Equal(t, brokenPanic, v)
				if way == "Claim" {
					require.False(t, w.Claim())
				} else {
					require.False(t, q.take())
				}
			})
		}
	}
}

// runs reports whether the task that is to wait with w does not yet.
func runs(w *wait.Waiter) bool { return w.Task().State() != rt.Waiting }

// neverTaken is a Withdrawer from which nothing can be taken back.
type neverTaken struct{}

func (neverTaken) Withdraw() bool { return false }

// WaitRecovering waits for the Wake although the context is broken, and returns its panic.
func TestWaitRecovering(t *testing.T) {
	s := open(t, 2)
	for _, at := range places {
		ctx, cancel := context.WithCancel(bg)
		x := &broken{Context: ctx, method: "Done"}
		var w wait.Waiter
		known := make(chan struct{})
		ended := at.start(s, func(context.Context) {
			w.Prepare(x, rt.Current())
			x.armed.Store(true)
			close(known)
			panicked, err := w.WaitRecovering(neverTaken{})
			assert.Equal(t, brokenPanic, panicked, at.name)
			assert.NoError(t, err, at.name)
		})
		<-known
		w.Wake(nil)
		<-ended
		cancel()
	}
}

// The claim comes first, then a method of the context panics, and then the claim's party wakes the
// task. Wait returns after the wake-up, because the waker may fill in a result until then.
func TestBrokenContextBetweenClaimAndWake(t *testing.T) {
	s := open(t, 2)
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	require.NoError(t, s.Go(func(c *task.Ctx) {
		var w wait.Waiter
		x := &broken{Context: ctx, method: "Done"}
		w.Init(x)
		assert.True(t, w.Claim())
		x.armed.Store(true)
		var woken, returned atomic.Bool
		waker := make(chan struct{})
		go func() {
			defer close(waker)
			for c.Task().State() != task.Waiting && !returned.Load() {
				runtime.Gosched()
			}
			woken.Store(true)
			w.Wake(nil)
		}()
		assert.NoError(t, w.Wait())
		assert.True(t, woken.Load())
		returned.Store(true)
		<-waker
	}).Wait())
}
