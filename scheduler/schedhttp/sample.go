package schedhttp

import (
	"time"

	"github.com/heddle-go/heddle/task"
)

// A Sample is what the page knows of all schedulers at one moment. The counters are those of
// [scheduler.Stats], which says what they mean; they only grow.
type Sample struct {
	At         int64       `json:"at"` // milliseconds since 1970
	MayPause   bool        `json:"mayPause"`
	Schedulers []Scheduler `json:"schedulers"`
}

// A Scheduler is one scheduler in a [Sample].
type Scheduler struct {
	Name     string `json:"name"`
	Paused   bool   `json:"paused"`
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
	Delayed      uint64 `json:"delayed"`
	Abandoned    uint64 `json:"abandoned"`
	Rejected     uint64 `json:"rejected"`
	Dropped      uint64 `json:"dropped"`

	Workers []Worker `json:"workers"`
}

// A Worker is one worker in a [Sample].
type Worker struct {
	Runs       bool   `json:"runs"` // it runs a task at this moment
	Task       string `json:"task"` // that task's name, or "" if it has none
	Queued     int    `json:"queued"`
	Dispatches uint64 `json:"dispatches"`
	Finished   uint64 `json:"finished"`
	Stolen     uint64 `json:"stolen"`
}

// sample reads all schedulers. It costs some loads a worker, however many tasks there are.
func (h *handler) sample() Sample {
	out := Sample{At: time.Now().UnixMilli(), MayPause: h.mayPause}
	for _, src := range h.sources {
		st := src.s.Stats()
		s := Scheduler{
			Name: src.name, Paused: st.Paused, Sleeping: st.Sleeping,
			Live: live(st.Spawned, st.Finished), Queued: st.Queued, QueuedHigh: st.QueuedHigh, QueuedLow: st.QueuedLow,
			Timers: st.Timers, CallsRunning: st.CallsRunning, CallsQueued: st.CallsQueued,
			Spawned: st.Spawned, Finished: st.Finished, Dispatches: st.Dispatches, Yields: st.Yields,
			Preemptions: st.Preemptions, Parks: st.Parks, Panics: st.Panics, Stalls: st.Stalls,
			Steals: st.Steals, Stolen: st.Stolen, Wakes: st.Wakes,
			Delayed: st.Delayed, Abandoned: st.Abandoned, Rejected: st.Rejected, Dropped: st.Dropped,
			Workers: make([]Worker, 0, st.Workers),
		}
		for i, w := range st.PerWorker {
			if i >= st.Workers {
				break // it has left, after Resize
			}
			runs := w.Task != (task.Task{})
			if runs {
				s.Running++
			}
			s.Workers = append(s.Workers, Worker{
				Runs: runs, Task: w.Task.Name(), Queued: w.Queued,
				Dispatches: w.Dispatches, Finished: w.Finished, Stolen: w.Stolen,
			})
		}
		out.Schedulers = append(out.Schedulers, s)
	}
	return out
}

// live returns spawned less finished. Workers publish the two counters at different times, so the
// difference may be less than nothing for a moment.
func live(spawned, finished uint64) int { return max(0, int(spawned-finished)) }
