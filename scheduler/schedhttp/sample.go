package schedhttp

import (
	"sync"
	"time"

	"github.com/heddle-go/heddle/task"
)

// A Sample is what the page knows of all schedulers at one moment. The fields of type uint64 are
// the counters of [scheduler.Stats], which says what they mean. They only grow.
type Sample struct {
	At         int64       `json:"at"` // milliseconds since 1970
	MayPause   bool        `json:"mayPause"`
	Schedulers []Scheduler `json:"schedulers"`
}

// A Scheduler is one scheduler in a [Sample].
type Scheduler struct {
	Name     string `json:"name"`
	Paused   bool   `json:"paused"`
	Closed   bool   `json:"closed"`   // it was closed or shut down, so it accepts no task
	Sleeping int    `json:"sleeping"` // workers that sleep

	Live         int    `json:"live"` // tasks accepted and not ended
	Running      int    `json:"running"`
	Queued       int    `json:"queued"`
	QueuedHigh   int    `json:"queuedHigh"`
	QueuedLow    int    `json:"queuedLow"`
	Timers       int    `json:"timers"`
	CallsRunning int    `json:"callsRunning"`
	CallsQueued  int    `json:"callsQueued"`
	Spawned      uint64 `json:"spawned"`
	Finished     uint64 `json:"finished"`
	Dispatches   uint64 `json:"dispatches"`
	Yields       uint64 `json:"yields"`
	Preemptions  uint64 `json:"preemptions"`
	Parks        uint64 `json:"parks"`
	Panics       uint64 `json:"panics"`
	Stalls       uint64 `json:"stalls"`
	Steals       uint64 `json:"steals"`
	Stolen       uint64 `json:"stolen"`
	Wakes        uint64 `json:"wakes"`
	Refused      uint64 `json:"refused"` // submissions to a scheduler that was shut down or closed
	Delayed      uint64 `json:"delayed"`
	Abandoned    uint64 `json:"abandoned"`
	Rejected     uint64 `json:"rejected"`
	Dropped      uint64 `json:"dropped"`

	Workers []Worker `json:"workers"`

	// Latencies is null without [scheduler.WithLatencies].
	Latencies *Latencies `json:"latencies"`
}

// Latencies are the latencies of a [Scheduler]: see [scheduler.Latencies].
type Latencies struct {
	// OverMS is the length of the time before the sample in which the latencies were measured. It
	// is 0 if they are of the scheduler's whole life, as in api/v1/sample and in the first event of
	// api/v1/events.
	OverMS   int64   `json:"overMs"`
	Queue    Latency `json:"queue"`    // how long tasks wait for a worker
	Dispatch Latency `json:"dispatch"` // how long tasks keep a worker
	Timers   Latency `json:"timers"`   // how late timers are
	Wakes    Latency `json:"wakes"`    // how long waking a worker takes
}

// A Latency is a distribution. If Count is 0, the other fields are 0 too and mean nothing.
type Latency struct {
	Count  uint64  `json:"count"`
	P50MS  float64 `json:"p50Ms"`
	P99MS  float64 `json:"p99Ms"`
	P999MS float64 `json:"p999Ms"`
	MaxMS  float64 `json:"maxMs"`
}

// A Worker is one worker in a [Sample].
type Worker struct {
	Runs       bool   `json:"runs"` // it runs a task at this moment
	Task       string `json:"task"` // that task's name, or "" if it has none
	Queued     int    `json:"queued"`
	Dispatches uint64 `json:"dispatches"`
	Finished   uint64 `json:"finished"`
	Stolen     uint64 `json:"stolen"`
	BusyMS     int64  `json:"busyMs"` // how long it has been awake, in all
	IdleMS     int64  `json:"idleMs"` // how long it has slept
}

// reader returns a function that reads a sample whose latencies are those of the last seconds.
func (h *handler) reader() func() Sample {
	windows := make([]window, len(h.sources))
	var mu sync.Mutex // the goroutine of the feed's last run may still read when the next begins
	return func() Sample {
		mu.Lock()
		defer mu.Unlock()
		return h.sample(windows)
	}
}

// sample reads all schedulers. It costs some loads for each worker, however many tasks there are.
// windows has one window for each scheduler, and the latencies are those since the oldest reading
// in the window. If windows is nil, they are those of the scheduler's whole life.
func (h *handler) sample(windows []window) Sample {
	now := time.Now()
	out := Sample{At: now.UnixMilli(), MayPause: h.mayPause}
	for i, src := range h.sources {
		st := src.s.Stats()
		s := Scheduler{
			Name: src.name, Paused: st.Paused, Closed: st.Closed, Sleeping: st.Sleeping,
			Live: live(st.Spawned, st.Finished), Queued: st.Queued, QueuedHigh: st.QueuedHigh, QueuedLow: st.QueuedLow,
			Timers: st.Timers, CallsRunning: st.CallsRunning, CallsQueued: st.CallsQueued,
			Spawned: st.Spawned, Finished: st.Finished, Dispatches: st.Dispatches, Yields: st.Yields,
			Preemptions: st.Preemptions, Parks: st.Parks, Panics: st.Panics, Stalls: st.Stalls,
			Steals: st.Steals, Stolen: st.Stolen, Wakes: st.Wakes,
			Refused: st.Refused, Delayed: st.Delayed, Abandoned: st.Abandoned, Rejected: st.Rejected, Dropped: st.Dropped,
			Workers: make([]Worker, 0, st.Workers),
		}
		for i, w := range st.PerWorker {
			if i >= st.Workers {
				break // this worker and the later ones have left, after Resize
			}
			runs := w.Task != (task.Task{})
			if runs {
				s.Running++
			}
			s.Workers = append(s.Workers, Worker{
				Runs: runs, Task: w.Task.Name(), Queued: w.Queued,
				Dispatches: w.Dispatches, Finished: w.Finished, Stolen: w.Stolen,
				BusyMS: w.Busy.Milliseconds(), IdleMS: w.Idle.Milliseconds(),
			})
		}
		if st.Latencies != nil {
			s.Latencies = latenciesOf(readingOf(st.Latencies, now), nil)
			if windows != nil {
				s.Latencies = windows[i].next(readingOf(st.Latencies, now))
			}
		}
		out.Schedulers = append(out.Schedulers, s)
	}
	return out
}

// live returns spawned minus finished, or 0 if that is negative. It can be negative for a moment,
// because workers publish the two counters at different times.
func live(spawned, finished uint64) int { return max(0, int(spawned-finished)) }
