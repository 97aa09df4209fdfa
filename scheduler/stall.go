package scheduler

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"time"
	"unsafe"

	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Stall describes a task that has passed no yield point for a long time, so that no other task can
// use its worker.
type Stall struct {
	Task   task.Task
	Name   string        // the task's name, if it was given one
	Worker int           // index of the worker it holds
	Age    time.Duration // how long the scheduler has seen it run

	// Stack is the stack of the task's goroutine, as a panic prints it, or "" if there is none: see
	// [WithStallAfter].
	Stack string

	// Queued is how many tasks and forked calls the worker's queues hold. Other workers take them
	// when they have nothing else to do, and the scheduler hands them out after ten quanta, so with
	// several workers there are usually few by now. Behind describes some of these tasks, the next
	// one first.
	Queued int
	Behind []TaskInfo
}

// mostBehind is how many tasks Stall.Behind describes.
const mostBehind = 8

// text returns how logs name the task: by its name, or by its address as Dump does.
func (st Stall) text() string {
	if st.Name != "" {
		return st.Name
	}
	h := rt.Handle(st.Task)
	return fmt.Sprintf("%p", h.Task())
}

// attrs returns what the log says of a stall.
func (st Stall) attrs() []slog.Attr {
	as := []slog.Attr{
		slog.String("task", st.text()), slog.String("state", st.Task.State().String()),
		slog.Duration("age", st.Age), slog.Int("worker", st.Worker), slog.Int("queued", st.Queued),
	}
	if len(st.Behind) > 0 {
		as = append(as, slog.Any("next", st.Behind[0].Task))
	}
	if st.Stack != "" {
		as = append(as, slog.String("stack", st.Stack))
	}
	return as
}

// LogValue implements [slog.LogValuer]: a group of what the warning says.
func (st Stall) LogValue() slog.Value { return slog.GroupValue(st.attrs()...) }

// Stalled implements preempt.Unit.
func (u unit) Stalled(p preempt.Dispatch, age time.Duration) {
	w := u.worker
	d := w.Current.Load()
	if d == nil || d.Flag() != p.Flag || d.Gen() != uint32(p.Life) {
		return // the dispatch has just ended
	}
	t := handleOf(d, d.Gen())
	w.s.stalls.Add(1)
	st := Stall{Task: t, Name: t.Name(), Worker: w.id, Age: age, Stack: w.s.stackOn(w, age)}
	st.Queued, st.Behind = w.behind()
	hint := slog.String("hint",
		"it computes without Checkpoint, or is blocked: by a system call, or a native channel or lock")
	w.s.warn("heddle: a task has passed no yield point and holds its worker", append(st.attrs(), hint)...)
	if l := w.s.look; l != nil && l.observer != nil {
		w.s.inHandler(func() { w.s.observe(func(o Observer) { o.Stall(st) }) })
	}
	if f := w.s.cfg.onStall; f != nil {
		w.s.inHandler(func() { f(st) })
	}
}

// behind returns how many tasks and forked calls wait in w's queues, and describes the first
// runnable tasks among them. Any goroutine may call it.
func (w *worker) behind() (n int, first []TaskInfo) {
	now := w.s.now()
	see := func(d *rt.Task) bool {
		if d != nil {
			if v, ok := viewOf(d); ok && v.state == rt.Runnable {
				first = append(first, v.info(now))
			}
		}
		return len(first) < mostBehind
	}
	n = w.runq.Thief().Len() + w.children.Thief().Len() + w.Forks.Thief().Len()
	if w.next.full() {
		n++
		see(w.next.task.Load())
	}
	w.runq.Thief().Look(see)
	w.children.Thief().Look(see)
	return n, first
}

// A fiberTag is an argument of progress.loop that only shows in a printed stack. The Go runtime
// prints the arguments of functions as they are in memory. An array is never passed in registers,
// so these words are always there, and tell the stack of one fiber from those of all others.
type fiberTag [2]uintptr

func tagOf(f *fiber.Fiber) fiberTag {
	at := uintptr(unsafe.Pointer(f))
	return fiberTag{at, at}
}

// text returns what a printed stack shows of the tag.
func (t fiberTag) text() []byte { return fmt.Appendf(nil, "{%#x, %#x}", t[0], t[1]) }

// stacks are the printed stacks of all goroutines at one moment. Only sysmon touches them.
type stacks struct {
	text []byte
	at   int64
}

const (
	// If there are more than mostStacks goroutines, no stacks are printed. To print them, the Go
	// runtime stops all goroutines, for about 10 us each. There is no supported way to print the
	// stack of only one other goroutine.
	mostStacks = 1000
	// stacksPause is the least time from one printing of the stacks to the next.
	stacksPause = int64(time.Second)
	stackSize   = 8 << 10 // bytes of text that are reserved for each goroutine
)

// stackOn returns the stack of the task that has been running on w for age, or "". It uses the last
// printed stacks if they are not older than stacksPause. Only sysmon calls it.
func (s *Scheduler) stackOn(w *worker, age time.Duration) string {
	k := &s.sysmon.stacks
	f := w.Fib.Load()
	now := s.now()
	if k.text == nil || now-k.at >= stacksPause {
		n := runtime.NumGoroutine()
		if n > mostStacks {
			return ""
		}
		k.at = now
		k.text = make([]byte, n*stackSize)
		k.text = k.text[:runtime.Stack(k.text, true)]
	} else if now-k.at > int64(age) {
		return "" // those stacks were printed before the task got the worker
	}
	return stackOf(k.text, tagOf(f).text())
}

// stackOf returns the paragraph of text that has tag, or "".
func stackOf(text, tag []byte) string {
	i := bytes.Index(text, tag)
	if i < 0 {
		return ""
	}
	from := bytes.LastIndex(text[:i], []byte("\n\n"))
	if from < 0 {
		from = 0
	} else {
		from += 2
	}
	to := bytes.Index(text[i:], []byte("\n\n"))
	if to < 0 {
		to = len(text) - i
	}
	return string(text[from : i+to])
}

// dropStacks leaves old stacks to the garbage collector. sysmon calls it at each tick.
func (s *Scheduler) dropStacks(now int64) {
	if k := &s.sysmon.stacks; k.text != nil && now-k.at >= stacksPause {
		k.text = nil
	}
}
