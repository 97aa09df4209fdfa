package schedhttp

import (
	"cmp"
	"container/heap"
	"fmt"
	"hash/maphash"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A TaskList is the answer of api/v1/tasks.
type TaskList struct {
	Scheduler string `json:"scheduler"`
	Total     int    `json:"total"`   // tasks that have not ended
	Matched   int    `json:"matched"` // how many of them the parameters match
	Tasks     []Task `json:"tasks"`   // the first of these, in the order that sort asks for
}

// A Task is one task in a [TaskList]: see [scheduler.TaskInfo].
type Task struct {
	ID        string  `json:"id"` // tells the task from all others, as long as the handler lives
	Name      string  `json:"name"`
	Text      string  `json:"text"` // its name, or if it has none its address
	State     string  `json:"state"`
	Level     string  `json:"level"`
	Worker    int     `json:"worker"` // -1 before it first runs
	WaitsFor  string  `json:"waitsFor"`
	WaitedMS  float64 `json:"waitedMs"`
	StartedBy *Ref    `json:"startedBy"` // the task that forked or started it, or null

	// These fields need [scheduler.WithWaits], and the two places need [scheduler.WithSites].
	Dispatches uint64  `json:"dispatches"` // how often it was put on a worker
	RanMS      float64 `json:"ranMs"`      // how long it has run in all
	Object     string  `json:"object"`     // the address of the lock or the like it waits at, or ""
	Holder     *Ref    `json:"holder"`     // the task that has to act before it goes on, or null
	Deadlock   bool    `json:"deadlock"`   // it is in one of the Cycles of a WaitList
	StartedAt  *Place  `json:"startedAt"`  // where it was started, or null
	WaitsAt    *Place  `json:"waitsAt"`    // where it waits, or null

	// StartedStack and WaitsStack have these places and the functions that called them, up to 32.
	// Only a list that was asked for one id has them; they are [] without [scheduler.WithSites].
	StartedStack []Place `json:"startedStack,omitzero"`
	WaitsStack   []Place `json:"waitsStack,omitzero"`
}

// A Ref refers to a task.
type Ref struct {
	ID   string `json:"id"`
	Text string `json:"text"` // its name, or if it has none its address
}

// A Place is a place in the program.
type Place struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// A GroupList is the answer of api/v1/groups.
type GroupList struct {
	Scheduler string  `json:"scheduler"`
	Total     int     `json:"total"` // tasks that have not ended
	Groups    []Group `json:"groups"`
	// Deadlock says that every task waits, no timer is pending and no blocking call is under way.
	// Then only code outside of the scheduler can wake a task.
	Deadlock bool `json:"deadlock"`
}

// A Group is all tasks with the same name, state, level and reason to wait.
type Group struct {
	Name     string  `json:"name"`
	State    string  `json:"state"`
	Level    string  `json:"level"`
	WaitsFor string  `json:"waitsFor"`
	Count    int     `json:"count"`
	LeastMS  float64 `json:"leastMs"` // the shortest wait of one of them
	MostMS   float64 `json:"mostMs"`  // the longest
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// orders maps each value of the parameter sort to the function that compares tasks in that order.
var orders = map[string]func(a, b *scheduler.TaskInfo) int{
	"waited": func(a, b *scheduler.TaskInfo) int { return cmp.Compare(b.Waited, a.Waited) },
	"name":   func(a, b *scheduler.TaskInfo) int { return cmp.Compare(a.Name, b.Name) },
	"state":  func(a, b *scheduler.TaskInfo) int { return cmp.Compare(a.State, b.State) },
	"worker": func(a, b *scheduler.TaskInfo) int { return cmp.Compare(a.Worker, b.Worker) },
}

// states maps each value of the parameter state to its state.
var states = map[string]task.State{"runnable": task.Runnable, "running": task.Running, "waiting": task.Waiting}

// A query is what the parameters of api/v1/tasks ask for.
type query struct {
	name, waits string
	id          string // "" for any
	state       task.State
	anyState    bool
	order       func(a, b *scheduler.TaskInfo) int
	limit       int
}

func queryOf(r *http.Request) (q query, err error) {
	q.name, q.waits, q.id = param(r, "name"), param(r, "waits"), param(r, "id")
	if q.limit, err = number(r, "limit", 1, maxLimit, defaultLimit); err != nil {
		return q, err
	}
	var ok bool
	if text := param(r, "state"); text == "" {
		q.anyState = true
	} else if q.state, ok = states[text]; !ok {
		return q, fmt.Errorf("state=%q: want %s", text, strings.Join(slices.Sorted(maps.Keys(states)), ", "))
	}
	if q.order, ok = orders[cmp.Or(param(r, "sort"), "waited")]; !ok {
		return q, fmt.Errorf("sort=%q: want %s", param(r, "sort"), strings.Join(slices.Sorted(maps.Keys(orders)), ", "))
	}
	switch text := param(r, "reverse"); text {
	case "", "0":
	case "1":
		order := q.order
		q.order = func(a, b *scheduler.TaskInfo) int { return order(b, a) }
	default:
		return q, fmt.Errorf("reverse=%q: want 0 or 1", text)
	}
	return q, nil
}

func (h *handler) matches(q *query, t *scheduler.TaskInfo) bool {
	return (q.id == "" || q.id == h.id(t.Task)) && (q.anyState || t.State == q.state) && strings.Contains(t.Name, q.name) && strings.Contains(t.WaitsFor, q.waits)
}

// A top holds the first tasks in an order. It is a heap with the last of these tasks on top, which
// add replaces. It implements [heap.Interface].
type top struct {
	tasks []scheduler.TaskInfo
	order func(a, b *scheduler.TaskInfo) int
}

func (t *top) Len() int           { return len(t.tasks) }
func (t *top) Less(i, j int) bool { return t.order(&t.tasks[i], &t.tasks[j]) > 0 }
func (t *top) Swap(i, j int)      { t.tasks[i], t.tasks[j] = t.tasks[j], t.tasks[i] }
func (t *top) Push(x any)         { t.tasks = append(t.tasks, x.(scheduler.TaskInfo)) }
func (t *top) Pop() any {
	last := len(t.tasks) - 1
	x := t.tasks[last]
	t.tasks = t.tasks[:last]
	return x
}

// add keeps x if it is one of the first limit tasks so far.
func (t *top) add(x scheduler.TaskInfo, limit int) {
	switch {
	case len(t.tasks) < limit:
		heap.Push(t, x)
	case t.order(&x, &t.tasks[0]) < 0:
		t.tasks[0] = x
		heap.Fix(t, 0)
	}
}

func (h *handler) serveTasks(w http.ResponseWriter, r *http.Request) error {
	src, err := h.source(r)
	if err != nil {
		return err
	}
	q, err := queryOf(r)
	if err != nil {
		return err
	}
	if err := enter(r.Context(), h.listing); err != nil {
		return nil // the client has gone
	}
	list := TaskList{Scheduler: src.name, Tasks: []Task{}}
	first := &top{order: q.order}
	for t := range src.s.Tasks() {
		if list.Total++; list.Total%1024 == 0 && r.Context().Err() != nil {
			break
		}
		if h.matches(&q, &t) {
			list.Matched++
			first.add(t, q.limit)
		}
	}
	stuck := h.cycles(new(WaitList), src.s)
	<-h.listing
	slices.SortFunc(first.tasks, func(a, b scheduler.TaskInfo) int {
		return cmp.Or(q.order(&a, &b), cmp.Compare(a.Name, b.Name))
	})
	for _, t := range first.tasks {
		out := h.taskOf(t)
		out.Deadlock = stuck[t.Task]
		if q.id != "" {
			started, waits := src.s.Stacks(t.Task)
			out.StartedStack, out.WaitsStack = places(started), places(waits)
		}
		list.Tasks = append(list.Tasks, out)
	}
	return writeJSON(w, list)
}

func (h *handler) taskOf(t scheduler.TaskInfo) Task {
	out := Task{
		ID: h.id(t.Task), Name: t.Name, Text: label(t.Task), State: t.State.String(), Level: t.Level.String(),
		Worker: t.Worker, WaitsFor: t.WaitsFor, WaitedMS: float64(t.Waited.Milliseconds()),
		StartedBy: h.ref(t.StartedBy), Object: address(t.Object), Holder: h.ref(t.Holder),
		Dispatches: t.Dispatches, RanMS: ms(t.Ran), StartedAt: place(t.StartedAt), WaitsAt: place(t.WaitsAt),
	}
	return out
}

// id returns a text that tells tasks apart: a hash of the handle, because a handle can be hashed
// but shows no number. Among a million tasks, two have the same hash with a probability below
// 10^-7.
func (h *handler) id(t task.Task) string {
	return strconv.FormatUint(maphash.Comparable(h.seed, t), 36)
}

// ref returns a reference to t, or nil for the zero Task.
func (h *handler) ref(t task.Task) *Ref {
	if t == (task.Task{}) {
		return nil
	}
	return &Ref{h.id(t), label(t)}
}

func address(object uintptr) string {
	if object == 0 {
		return ""
	}
	return fmt.Sprintf("%#x", object)
}

// place returns the function, file and line of at, or nil if they are not known.
func place(at scheduler.Site) *Place {
	f := at.Frame()
	if f.PC == 0 {
		return nil
	}
	return &Place{f.Function, f.File, f.Line}
}

func places(frames []runtime.Frame) []Place {
	ps := make([]Place, len(frames))
	for i, f := range frames {
		ps[i] = Place{f.Function, f.File, f.Line}
	}
	return ps
}

// label returns a task's name, or its address.
func label(t task.Task) string {
	if n := t.Name(); n != "" {
		return n
	}
	_, text, _ := strings.Cut(t.String(), "(")
	text, _, _ = strings.Cut(text, ")")
	return text
}

func (h *handler) serveGroups(w http.ResponseWriter, r *http.Request) error {
	return h.serveList(w, r, func(src source, limit int) any {
		list, groups := groupsOf(r, src)
		slices.SortFunc(groups, func(a, b *Group) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name),
				cmp.Compare(a.State, b.State), cmp.Compare(a.WaitsFor, b.WaitsFor), cmp.Compare(a.Level, b.Level))
		})
		for _, g := range groups[:min(limit, len(groups))] {
			list.Groups = append(list.Groups, *g)
		}
		return list
	})
}

// serveList answers r with the list that read returns. read gets the scheduler and the limit that r
// names. It runs when the lists of other requests leave room for one more, because a list may visit
// all tasks.
func (h *handler) serveList(
	w http.ResponseWriter, r *http.Request, read func(src source, limit int) any,
) error {
	src, err := h.source(r)
	if err != nil {
		return err
	}
	limit, err := number(r, "limit", 1, maxLimit, defaultLimit)
	if err != nil {
		return err
	}
	if err := enter(r.Context(), h.listing); err != nil {
		return nil // the client has gone
	}
	list := read(src, limit)
	<-h.listing // before writing, because the client may be slow
	return writeJSON(w, list)
}

// maxGroups bounds the memory of a list of groups. If every task has a name of its own, there are
// as many groups as tasks. Then the list has the first groups that were found.
const maxGroups = 100_000

func groupsOf(r *http.Request, src source) (list GroupList, groups []*Group) {
	list = GroupList{Scheduler: src.name, Groups: []Group{}}
	type key struct {
		name, waits string
		state       task.State
		level       task.Level
	}
	by := make(map[key]*Group)
	waiting, calls := 0, 0
	for t := range src.s.Tasks() {
		if list.Total++; list.Total%1024 == 0 && r.Context().Err() != nil {
			break
		}
		if t.State == task.Waiting {
			waiting++
			if t.WaitsFor == "blocking call" {
				calls++
			}
		}
		k := key{t.Name, t.WaitsFor, t.State, t.Level}
		ms := float64(t.Waited.Milliseconds())
		g := by[k]
		switch {
		case g == nil && len(by) == maxGroups:
			continue
		case g == nil:
			g = &Group{Name: t.Name, State: t.State.String(), Level: t.Level.String(), WaitsFor: t.WaitsFor, LeastMS: ms}
			by[k] = g
			groups = append(groups, g)
		}
		g.Count++
		g.LeastMS, g.MostMS = min(g.LeastMS, ms), max(g.MostMS, ms)
	}
	st := src.s.Stats()
	list.Deadlock = waiting > 0 && waiting == list.Total && st.Timers == 0 && calls+st.CallsRunning+st.CallsQueued == 0 &&
		st.Queued == 0 && st.Sleeping == st.Workers && !st.Paused
	return list, groups
}
