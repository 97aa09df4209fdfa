package engine

import (
	"reflect"
	"runtime"
	"unsafe"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/offload"
	"github.com/heddle-go/heddle/internal/rt"
)

// A place is the kind of code that a caller runs in.
type place int

const (
	elsewhere place = iota
	inTask          // in a task, or on a worker between two tasks
	inHandler
	inCall // the function of a blocking call
)

// onTask reports whether the caller runs as a task, in a handler, or in the function of a blocking
// call, of any scheduler. Then some scheduler cannot end before the caller goes on.
func onTask() bool { return caller() != elsewhere }

// caller returns the place in which its caller runs. If that runs on a fiber, the fiber tells.
// Otherwise caller looks for the innermost of entryPoints on the stack. That takes a fraction of a
// microsecond on a stack of usual depth.
func caller() place {
	if fiber.Current() != nil {
		if currentWorker() == nil {
			return inCall // on the spot
		}
		return inTask
	}
	var pcs [32]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			for _, c := range entryPoints {
				if c.from < pc && pc <= c.to {
					return c.place
				}
			}
		}
		if n < len(pcs) {
			return elsewhere
		}
	}
}

// currentWorker returns the worker that the caller runs on, as a task or between two tasks, or nil.
func currentWorker() *worker {
	f := fiber.Current()
	if f == nil {
		return nil
	}
	if f.Data == nil {
		// A fiber in the table without Data is a loopFiber, which embeds its Fiber first.
		return (*loopFiber)(unsafe.Pointer(f)).w
	}
	if d := (*rt.Task)(f.Data); d.Worker().Current.Load() == d {
		return workerOf(d)
	}
	return nil // in the function of a call on the spot
}

// entryPoints are the functions that lie on the stack of each handler, and of each function that a
// blocker calls.
var entryPoints = [...]struct {
	code
	place
}{{codeOf(handle), inHandler}, {codeOf(offload.RunJob), inCall}}

// A code is the range of addresses of a function's instructions.
type code struct{ from, to uintptr }

func codeOf(f any) (c code) {
	c.from = runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Entry()
	for c.to = c.from; ; c.to++ {
		if f := runtime.FuncForPC(c.to); f == nil || f.Entry() != c.from {
			return c
		}
	}
}

// handlers are the users' handlers that run now.
type handlers struct{ n atomicx.Int32 }

// runCaller reports whether the caller is one of them, for whose end a worker, sysmon or a blocker
// waits. While no handler runs, it takes one load. Otherwise it walks the stack, which takes
// microseconds if the tables for that are not in the caches.
func (h *handlers) runCaller() bool { return h.n.Load() != 0 && caller() == inHandler }

// run calls a user's handler on a goroutine of its own, and waits for it. There a panic of the
// handler ends the process, and the handler may call Goexit, which would end a fiber here.
func (h *handlers) run(f func()) {
	h.n.Add(1)
	defer h.n.Add(-1)
	done := make(chan struct{})
	go handle(f, done)
	<-done
}

//go:noinline
func handle(f func(), done chan struct{}) {
	defer close(done)
	f()
}
