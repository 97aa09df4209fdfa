package schedhttp

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

const (
	maxStalls = 32
	maxStack  = 16 << 10 // bytes
)

// A StallLog keeps the last 32 stalls that schedulers report, for the page:
//
//	stalls := new(schedhttp.StallLog)
//	sched, err := scheduler.New(scheduler.WithStallHandler(stalls.Add))
//	...
//	http.Handle("/debug/heddle/", schedhttp.Handler(sched, schedhttp.Stalls(stalls)))
//
// The zero StallLog is empty. It must not be copied.
type StallLog struct {
	mu   sync.Mutex
	last []kept // the oldest first, at most maxStalls
}

// A kept stall is one in a [StallLog]. The handler that shows it knows the name of its scheduler.
type kept struct {
	Stall
	task task.Task
}

// A StallList is the answer of api/v1/stalls.
type StallList struct {
	Kept   bool    `json:"kept"`   // the handler was given a StallLog
	Stalls []Stall `json:"stalls"` // the newest first
}

// A Stall is one stall in a [StallList]: see [scheduler.Stall].
type Stall struct {
	// Scheduler is the name of the task's scheduler, or "" if the page does not show that.
	Scheduler string `json:"scheduler"`

	At     int64   `json:"at"` // when it was reported, in milliseconds since 1970
	Name   string  `json:"name"`
	Worker int     `json:"worker"`
	AgeMS  float64 `json:"ageMs"`
	Stack  string  `json:"stack"` // of the task, the first 16 KB, or ""

	// What waits behind the stalled task: the number of tasks in the worker's queues, and the names
	// of the first ones.
	Queued int      `json:"queued"`
	Behind []string `json:"behind"`
}

// Add adds a stall. It is for [scheduler.WithStallHandler]. Any goroutine may call it; it neither
// parks nor blocks for long.
func (l *StallLog) Add(s scheduler.Stall) {
	x := Stall{
		At: time.Now().UnixMilli(), Name: s.Name, Worker: s.Worker, AgeMS: ms(s.Age), Queued: s.Queued,
		Stack: strings.ToValidUTF8(s.Stack[:min(len(s.Stack), maxStack)], ""), Behind: []string{},
	}
	for _, t := range s.Behind {
		x.Behind = append(x.Behind, label(t.Task))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.last) == maxStalls {
		l.last = slices.Delete(l.last, 0, 1)
	}
	l.last = append(l.last, kept{x, s.Task})
}

func (h *handler) serveStalls(w http.ResponseWriter, _ *http.Request) error {
	list := StallList{Stalls: []Stall{}}
	if l := h.stalls; l != nil {
		l.mu.Lock()
		all := slices.Clone(l.last)
		l.mu.Unlock()
		list.Kept = true
		for _, x := range slices.Backward(all) {
			x.Scheduler = h.nameOf(x.task)
			list.Stalls = append(list.Stalls, x.Stall)
		}
	}
	return writeJSON(w, list)
}

// nameOf returns the name of the scheduler of t, or "" if the page does not show that.
func (h *handler) nameOf(t task.Task) string {
	for _, src := range h.sources {
		if src.s.Has(t) {
			return src.name
		}
	}
	return ""
}
