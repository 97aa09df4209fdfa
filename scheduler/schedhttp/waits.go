package schedhttp

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A WaitList is the answer of api/v1/waits: at which objects tasks wait, and which task each object
// waits for. Only the tasks of a scheduler with [scheduler.WithWaits] note this.
type WaitList struct {
	Scheduler string    `json:"scheduler"`
	Waiting   int       `json:"waiting"` // all tasks that wait, also those without an Object
	Objects   []*Object `json:"objects"` // those in a cycle first, then by the number of tasks
	// Each of Cycles is a circle of tasks in which each waits for the next, and the last for the
	// first. The list has the first 20 circles, and the first 100 tasks of each. See
	// [scheduler.Scheduler.Deadlocks].
	Cycles [][]Ref `json:"cycles"`
}

// An Object is a channel, lock or other thing in a [WaitList] at which tasks wait.
type Object struct {
	WaitsFor  string  `json:"waitsFor"`  // in the words of Dump: "mutex"
	Object    string  `json:"object"`    // its address
	Holder    *Ref    `json:"holder"`    // the task that has to act before one of them goes on; may be null
	Tasks     int     `json:"tasks"`     // tasks that wait at it
	LongestMS float64 `json:"longestMs"` // the longest wait of one of them
	First     []Ref   `json:"first"`     // up to 8 of the waiting tasks, those in a cycle first
	Cycle     bool    `json:"cycle"`     // one of the tasks is in a cycle
}

const (
	maxCycles  = 20
	maxInCycle = 100
	maxFirst   = 8
)

func (h *handler) serveWaits(w http.ResponseWriter, r *http.Request) error {
	return h.serveList(w, r, func(src source, limit int) any { return h.waitsOf(r, src, limit) })
}

// waitsOf reads the waits of all tasks. To bound its memory, it collects at most maxGroups objects.
func (h *handler) waitsOf(r *http.Request, src source, limit int) WaitList {
	list := WaitList{Scheduler: src.name, Objects: []*Object{}, Cycles: [][]Ref{}}
	stuck := h.cycles(&list, src.s)
	type key struct {
		object uintptr
		waits  string
	}
	by := make(map[key]*Object)
	seen := 0
	for t := range src.s.Tasks() {
		if seen++; seen%1024 == 0 && r.Context().Err() != nil {
			break
		}
		if t.State != task.Waiting {
			continue
		}
		list.Waiting++
		if t.Object == 0 {
			continue
		}
		k := key{t.Object, t.WaitsFor}
		o := by[k]
		switch {
		case o == nil && len(by) == maxGroups:
			continue
		case o == nil:
			o = &Object{WaitsFor: t.WaitsFor, Object: address(t.Object), Holder: h.ref(t.Holder)}
			by[k] = o
			list.Objects = append(list.Objects, o)
		}
		o.Tasks++
		o.LongestMS = max(o.LongestMS, float64(t.Waited.Milliseconds()))
		if stuck[t.Task] {
			o.Cycle = true
			o.First = slices.Insert(o.First[:min(len(o.First), maxFirst-1)], 0, *h.ref(t.Task))
		} else if len(o.First) < maxFirst {
			o.First = append(o.First, *h.ref(t.Task))
		}
	}
	slices.SortFunc(list.Objects, func(a, b *Object) int {
		return cmp.Or(-cmp.Compare(number01(a.Cycle), number01(b.Cycle)), cmp.Compare(b.Tasks, a.Tasks),
			cmp.Compare(b.LongestMS, a.LongestMS), cmp.Compare(a.Object, b.Object))
	})
	list.Objects = list.Objects[:min(limit, len(list.Objects))]
	return list
}

func number01(b bool) int {
	if b {
		return 1
	}
	return 0
}

// cycles adds the cycles of s to the list, and returns the tasks in them.
func (h *handler) cycles(list *WaitList, s *scheduler.Scheduler) map[task.Task]bool {
	stuck := make(map[task.Task]bool)
	for circle := range s.Deadlocks() {
		var refs []Ref
		for _, t := range circle[:min(len(circle), maxInCycle)] {
			stuck[t.Task] = true
			refs = append(refs, *h.ref(t.Task))
		}
		if list.Cycles = append(list.Cycles, refs); len(list.Cycles) == maxCycles {
			break
		}
	}
	return stuck
}
