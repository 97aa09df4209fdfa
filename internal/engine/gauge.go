package engine

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/heddle-go/heddle/internal/histogram"
	"github.com/heddle-go/heddle/internal/rt"
)

// How latencies are measured. A task that is to be measured, or that an Observer hears of, gets a
// stamp when it becomes runnable: see internal/rt/stamp.go. Without scheduler.WithLatencies and
// scheduler.WithObserver no task has one, and a task pays the following, some of which
// scheduler.WithDispatchRing needs anyway:
//
//	becomes runnable   a look at notebook.notesReady, or at Scheduler.measuring from outside
//	is dispatched      nothing: begun tasks with a stamp are made to take prepareSwitch's slow way,
//	                   and of others heeds looks at the status anyway
//	gives way, parks   nothing: to stamp or observe it, commit gets another action
//	stops running      nothing: pick stops at lookCount.stopAt anyway. To measure a dispatch,
//	                   planStop sets that to the next tick
//
// A task is measured in these steps:
//
//	Gauge-M1  the party that makes the task runnable puts the stamp on
//	Gauge-M2  gaugeBegin takes it off, counts the wait, and begins to measure the dispatch
//	Gauge-M3  the dispatch ends at gaugeStop, in the pick that follows. If the worker passes no
//	          gaugeStop before it runs another task, the dispatch ends at that task's gaugeBegin
//
// With Sampled, each worker sets notesReady once in sampleTicks looks for work, and the next task
// that becomes runnable on it gets the stamp. So the wait and the dispatch of a sampled task are
// both measured, on whatever worker it runs.

// measuring says what the scheduler measures, and which Observer it calls. (What a task notes about
// itself is an rt.Look.) After New only names and outside change.
type measuring struct {
	mode     LatencyMode // 0: it measures nothing
	names    names
	observer Observer
	outside  atomic.Uint32 // tasks made runnable outside of workers, with Sampled
}

const (
	// sampleTicks is how many looks for work go by between two samples of a worker. A sample takes
	// three readings of the clock, up to 150 ns, so a dispatch pays 0.6 ns for it
	// (BenchmarkYield/tasks=100 shows it).
	sampleTicks = 4 * fairTick
	// sampleOutside is how many tasks that become runnable outside of workers go by between two
	// samples. It is smaller than sampleTicks, because making a task runnable there takes some
	// hundred nanoseconds anyway.
	sampleOutside = 61
)

// newMeasuring returns nil if nothing is to be measured or told.
func newMeasuring(cfg *Config) *measuring {
	if cfg.Latencies == 0 && cfg.Observer == nil {
		return nil
	}
	l := &measuring{mode: cfg.Latencies, observer: cfg.Observer}
	l.names.limit = cfg.LatencyNames
	return l
}

// A gauge measures on one worker. Only the worker writes it. Readers read the histograms and
// published.
type gauge struct {
	measuring *measuring

	// These are the worker's own.
	due     bool                  // the next task that becomes runnable here is a sample (Sampled)
	stolen  *rt.Task              // a stolen call whose dispatch is to be measured, or nil
	open    bool                  // a dispatch is being measured
	began   int64                 // when that dispatch began
	stopped int64                 // when the last dispatch that has been counted ended
	closed  uint32                // the number of the last dispatch that has been counted
	level   rt.Level              // the level of the task whose dispatch is being measured
	named   *taskGauge            // what counts that task by its name, or nil
	known   map[string]*taskGauge // with scheduler.WithLatenciesByName

	levels    [3]taskGauge
	other     taskGauge                             // of tasks whose names are beyond the limit
	late      histogram.Histogram                   // how much later than due the worker fired timers
	wakes     histogram.Histogram                   // how long the worker's wake-ups took
	published atomic.Pointer[map[string]*taskGauge] // a copy of known
}

// A taskGauge has the latencies of some tasks on one worker.
type taskGauge struct{ queue, dispatch histogram.Histogram }

// begin prepares the notebook of a new worker for what the options ask for. l is nil if nothing is
// measured or told, and dispatch is the number of the worker's last dispatch.
func (b *notebook) begin(l *measuring, dispatch uint32) {
	b.onYield, b.onPark = b.plainYield(), actPark
	b.slowAfter = coldAfter
	b.notesReady = b.keepsRing()
	if b.keepsRing() || b.countsRuns() {
		b.noted = rt.BitActive // each dispatch
		b.slowAfter = 0
	}
	if l != nil {
		b.beginGauge(l, dispatch)
	}
	b.heeded = b.noted | rt.BitCancelled
}

// beginGauge is the part of begin for latencies and an Observer.
func (b *notebook) beginGauge(l *measuring, dispatch uint32) {
	b.gauge = &gauge{measuring: l}
	b.noted |= rt.BitStamped
	if l.observer != nil {
		b.notesReady, b.observed = true, true
		b.onPark = actParkObserved
	}
	if l.mode == Exact {
		b.notesReady = true
		b.onYield = actRequeueNoted
		b.gauge.open = true
		b.gauge.closed = dispatch
	}
}

// noteWoken notes that d, which is in no queue, has just become runnable on this worker by a
// wake-up. d gets a stamp if it is measured or observed. The ring notes the waker.
//
//go:noinline
func (w *worker) noteWoken(d *rt.Task) {
	w.stamp(d)
	if w.keepsRing() {
		w.ringWake(d, w.firing)
	}
}

// stamps reports whether the next task that becomes runnable here gets a stamp. If not, notesReady
// may be true all the same, because the worker keeps a ring.
func (b *notebook) stamps() bool {
	g := b.gauge
	return g != nil && (b.observed || g.due || g.measuring.mode == Exact)
}

// stamp puts a stamp on d, which has just become runnable on this worker and is in no queue
// (Gauge-M1).
//
//go:noinline
func (b *notebook) stamp(d *rt.Task) {
	if !b.stamps() {
		return
	}
	if b.observed {
		b.gauge.measuring.observe(func(o Observer) { o.Ready(handleOf(d, d.Gen())) })
	}
	b.stampFrom(d, 0)
}

// noteYield is stamp for a task that gives way. If the times of tasks are counted (countsRuns), it
// also ends the present run of the task.
//
//go:noinline
func (b *notebook) noteYield(d *rt.Task) {
	if b.countsRuns() {
		b.runStops(d)
	}
	if g := b.gauge; g != nil && (g.due || g.measuring.mode == Exact) {
		b.stampFrom(d, g.stopped)
	}
}

// plainYield returns what commit does for a task that gives way and gets no stamp.
func (b *notebook) plainYield() action {
	if b.countsRuns() {
		return actRequeueNoted
	}
	return actRequeue
}

// stampFrom puts a stamp on d. If d is not to be measured, the stamp has no time. Otherwise it has
// the time in now; if that is 0, stampFrom reads the clock.
func (b *notebook) stampFrom(d *rt.Task, now int64) {
	g := b.gauge
	if g.measuring.mode != Exact && !g.due {
		d.StampOnly()
		dispatchSlowly(d)
		return
	}
	if now == 0 {
		now = b.clock.now()
	}
	d.Stamp(now)
	dispatchSlowly(d)
	b.sampled()
}

// sampled is called when a task has got its stamp. With Sampled it resets due and notesReady until
// the next sample.
func (b *notebook) sampled() {
	if b.gauge.measuring.mode == Sampled {
		b.gauge.due = false
		b.notesReady, b.onYield = b.observed || b.keepsRing(), b.plainYield()
	}
}

// stampStolen is stamp for a stolen call, which has waited in no queue and runs next on this
// worker.
//
//go:noinline
func (b *notebook) stampStolen(d *rt.Task) {
	if !b.stamps() {
		return
	}
	if b.observed {
		b.gauge.measuring.observe(func(o Observer) { o.Ready(handleOf(d, d.Gen())) })
	}
	d.StampOnly()
	if g := b.gauge; g.measuring.mode == Exact || g.due {
		g.stolen = d
		b.sampled()
	}
}

// stamp puts a stamp on d, which has just become runnable outside of the workers, if d is measured
// or observed (Gauge-M1).
func (l *measuring) stamp(d *rt.Task, c *clock) {
	if l != nil {
		l.stampSlow(d, c)
	}
}

func (l *measuring) stampSlow(d *rt.Task, c *clock) {
	if l.observer != nil {
		l.observe(func(o Observer) { o.Ready(handleOf(d, d.Gen())) })
	}
	switch {
	case l.mode == Exact, l.mode == Sampled && l.outside.Add(1)%sampleOutside == 0:
		d.Stamp(c.now())
	case l.observer != nil:
		d.StampOnly()
	default:
		return
	}
	dispatchSlowly(d)
}

// dispatchSlowly makes prepareSwitch take its slow way to d, which has a stamp and is in no queue.
// Only that way looks for stamps, and it is for tasks that have waited for long. So dispatchSlowly
// moves d's Since back by longAgo. (Nothing else reads Since before d waits again.)
func dispatchSlowly(d *rt.Task) {
	if f := d.Fib(); f != nil {
		f.Since.Store(f.Since.Load() - longAgo)
	}
}

// longAgo is 12 days in milliseconds. coarse may fall by some milliseconds, and is then still far
// from a Since that was moved back.
const longAgo = 1 << 30

// noteDispatch notes that d is about to run on this worker, from the time now on, or from the
// present time on if now is 0.
//
//go:noinline
func (w *worker) noteDispatch(d *rt.Task, now int64) {
	if d.Status()&w.noted == 0 {
		return
	}
	if d.Status().Stamped() {
		w.gaugeBegin(d, w.Dispatch.Load())
		if w.measures() && w.stopAt != w.tick+1 {
			w.planStop(true)
		}
	}
	if w.keepsRing() {
		w.ringBegin(d)
	}
	if w.countsRuns() {
		w.runBegins(d, now)
	}
}

// measures reports whether a dispatch is being measured.
func (b *notebook) measures() bool { return b.gauge != nil && b.gauge.open }

// gaugeBegin is Gauge-M2, for a task with a stamp that is about to run. last is the number of the
// worker's last dispatch.
//
//go:noinline
func (b *notebook) gaugeBegin(d *rt.Task, last uint32) {
	g := b.gauge
	if b.observed && d.Fib() == nil {
		g.measuring.observe(func(o Observer) { o.Start(handleOf(d, d.Gen()), b.worker) })
	}
	if g.measuring.mode == 0 {
		d.TakeStamp(0)
		return
	}
	now := b.clock.now()
	if g.open && g.closed != last { // the last dispatch passed no gaugeStop
		g.stopped = now
		g.end(last, now)
	}
	waited, timed := d.TakeStamp(now)
	if !timed && g.measuring.mode != Exact && g.stolen != d {
		return
	}
	g.stolen = nil
	st := d.Status()
	g.level = st.Level()
	g.named = g.find(d.Name(st.Gen()))
	if timed {
		g.levels[g.level].queue.Record(waited)
		if g.named != nil {
			g.named.queue.Record(waited)
		}
	}
	g.open, g.began = true, now
}

// gaugeStop is Gauge-M3. stopover calls it, in look tick. dispatch is the number of the dispatch
// that ends. With Sampled gaugeStop also begins the next sample.
func (b *notebook) gaugeStop(dispatch, tick uint32) {
	g := b.gauge
	if g.open && g.closed != dispatch {
		g.stopped = b.clock.now()
		g.end(dispatch, g.stopped)
	}
	if g.measuring.mode == Sampled && tick%sampleTicks == 0 {
		g.due, b.notesReady, b.onYield = true, true, actRequeueNoted
		g.stopped = 0
	}
}

// end counts dispatch id, which has been measured and ends at the time now. With Exact, it begins
// to measure again at once, because the task may go on after all, as a new dispatch.
func (g *gauge) end(id uint32, now int64) {
	g.closed = id
	g.levels[g.level].dispatch.Record(now - g.began)
	if g.named != nil {
		g.named.dispatch.Record(now - g.began)
	}
	g.began = now
	g.open = g.measuring.mode == Exact
}

// woken counts the time from the wake-up at time at until now. If at is 0, no waker has noted the
// time, and there is nothing to count.
func (g *gauge) woken(now, at int64) {
	if at != 0 {
		g.wakes.Record(now - at)
	}
}

// names has the names for which scheduler.WithLatenciesByName keeps latencies. All workers of a
// scheduler share it.
type names struct {
	limit int
	mu    sync.Mutex
	all   atomic.Pointer[map[string]struct{}] // copied on change, under mu
}

// take reports whether latencies are kept for name. If name is new and fewer than limit names are
// kept, take adds it.
func (n *names) take(name string) bool {
	if all := n.all.Load(); all != nil {
		if _, ok := (*all)[name]; ok || len(*all) == n.limit {
			return ok
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[string]struct{}{}
	if old := n.all.Load(); old != nil {
		if _, ok := (*old)[name]; ok || len(*old) == n.limit {
			return ok
		}
		all = maps.Clone(*old)
	}
	all[name] = struct{}{}
	n.all.Store(&all)
	return true
}

// find returns the taskGauge that counts the tasks with this name. It returns nil if the name is ""
// or no latencies are kept by name.
func (g *gauge) find(name string) *taskGauge {
	if name == "" || g.measuring.names.limit == 0 {
		return nil
	}
	if t := g.known[name]; t != nil {
		return t
	}
	if !g.measuring.names.take(name) {
		return &g.other
	}
	if g.known == nil {
		g.known = map[string]*taskGauge{}
	}
	t := new(taskGauge)
	g.known[name] = t
	copied := maps.Clone(g.known)
	g.published.Store(&copied)
	return t
}
