package scheduler

import (
	"fmt"

	"github.com/heddle-go/heddle/internal/engine"
)

// MaxQueueLimit is the largest limit that [WithQueueLimit] takes.
const MaxQueueLimit = 1 << 30

// QueuePolicy says what happens to a submission if the queue has no room: see [WithQueueLimit].
type QueuePolicy uint8

const (
	// Block makes the submitter wait for room, first come, first served. A submitter that is a task
	// of another scheduler parks; a goroutine blocks.
	//
	// If a context that the submission names ([Scheduler.GoContext], [task.Parent]) ends first, the
	// task is Done with that cause as its Err, and its function never runs. If the context of a
	// [task.Group.GoContext] ends first, that returns the cause. Shutdown and Close end the wait
	// with [task.ErrClosed].
	Block QueuePolicy = iota
	// Reject refuses the submission. The Err of its handle is [task.ErrQueueFull].
	Reject
	// CallerRuns makes the submitter wait until the task has ended, or until one of the contexts
	// named under Block ends. The scheduler queues the submission beyond the limit, behind the
	// others. So a goroutine cannot submit faster than the scheduler works, and the queue holds at
	// most the limit plus one task for each submitter. The task itself runs on a worker, because
	// only there it can be suspended.
	//
	// If a method of such a context panics meanwhile, the wait ends too. The scheduler drops the
	// panic, because it has accepted the task.
	CallerRuns
	// DropOldest drops the oldest submission that has not started, and queues the new one. The Err
	// of the dropped task is [task.ErrQueueFull], and its function never runs. If the priorities
	// differ, the scheduler drops the oldest submission of the lowest priority. If all queued
	// submissions have a higher priority than the new one, it refuses the new one, as Reject does.
	DropOldest
)

// String returns "block", "reject", "caller-runs" or "drop-oldest".
func (p QueuePolicy) String() string {
	switch p {
	case Block:
		return "block"
	case Reject:
		return "reject"
	case CallerRuns:
		return "caller-runs"
	case DropOldest:
		return "drop-oldest"
	}
	return fmt.Sprintf("QueuePolicy(%d)", uint8(p))
}

// MarshalText returns [QueuePolicy.String], for log/slog and encoding/json. It never fails.
func (p QueuePolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// WithQueueLimit limits the number of submissions from outside that have not started to n, 1 to
// [MaxQueueLimit]. p says what happens to a submission when there is no room. The default is no
// limit.
//
// A submission comes from outside if a goroutine, or a task of another scheduler, makes it by Go or
// GoContext of the scheduler, or by something that uses them, such as [task.Submit] and
// [task.Group]. The following are not limited:
//
//   - Tasks that have started. Waking them needs no room.
//   - Tasks that a task of the scheduler starts by [task.Ctx.Go]. They do not count either. If the
//     task calls Go of the scheduler instead, the submission counts while there is room, and the
//     queue takes it at once if there is none, because a task must not wait for its own pool.
//   - Tasks of GoAfter, GoEvery and timers, because no submitter is there to wait when they start.
//
// A limit bounds memory and waiting times if more work arrives than the workers can do. A
// submission waits for about n divided by the throughput. With a limit, workers take submissions
// from the queue one by one instead of in batches.
func WithQueueLimit(n int, p QueuePolicy) Option {
	return optionFunc(func(c *config) error {
		if n < 1 || n > MaxQueueLimit {
			return fmt.Errorf("scheduler: WithQueueLimit(%d, %v): limit %d: want 1 to %d", n, p, n, MaxQueueLimit)
		}
		if p > DropOldest {
			return fmt.Errorf("scheduler: WithQueueLimit(%d, %v): policy %d: want Block (0), Reject (1), CallerRuns (2) or DropOldest (3)", n, p, uint8(p))
		}
		c.QueueLimit, c.Policy = n, engine.Policy(p)
		return nil
	})
}
