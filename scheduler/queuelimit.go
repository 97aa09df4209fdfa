package scheduler

import "fmt"

// MaxQueueLimit is the largest limit that [WithQueueLimit] takes.
const MaxQueueLimit = 1 << 30

// QueuePolicy says what becomes of a submission for which the queue has no room: see [WithQueueLimit].
type QueuePolicy uint8

const (
	// Block makes the submitter wait for room, first come first served. When a context that it gave ends first
	// ([Scheduler.GoContext], [task.Parent]), the task is Done with that cause as its Err and its function never runs; when
	// the context that was passed to [task.Group.Go] does, that returns the cause. Shutdown and Close end the wait with
	// [task.ErrClosed]. A submitter that is a task of another scheduler parks; goroutines block.
	Block QueuePolicy = iota
	// Reject refuses the submission: its handle's Err is [task.ErrQueueFull].
	Reject
	// CallerRuns makes the submitter pay: the submission is queued beyond the limit, behind the others, and the submitter
	// waits until the task has ended, or until one of the contexts named under Block does. (If a method of such a context panics
	// meanwhile, the wait ends as well, and the panic is dropped, because the task has been accepted.) The task itself runs on a
	// worker, since without one it could not be suspended. So a goroutine cannot submit faster than the scheduler works, and at most
	// the limit plus one task for each submitter is queued.
	CallerRuns
	// DropOldest drops the oldest of the submissions that have not started, and queues the new one: the dropped task's
	// Err is [task.ErrQueueFull], and its function never runs. If the priorities differ, the oldest of the lowest
	// priority is dropped; if all that wait have a higher one than the new submission, that is refused as by Reject.
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

// WithQueueLimit bounds the number of submissions from outside that have not started to n, 1 to [MaxQueueLimit], and sets
// what becomes of those for which there is no room. By default there is no limit.
//
// From outside means by Go and GoContext of the scheduler, and by what uses them from a goroutine or from a task of another
// scheduler, such as [task.Submit] and [task.Group]. Tasks that have started are not counted, whoever wakes
// them. What tasks of the scheduler start by [task.Ctx.Go] is neither counted nor limited. If they call Go of the scheduler
// instead, that counts while there is room, but is let in at once when there is none: a task never waits for its
// own pool. GoAfter, GoEvery and
// timers start their tasks later, when nobody is there to wait: they are not limited.
//
// A limit keeps memory and waiting times bounded when more comes than can be done: n divided by the throughput is about what a submission
// waits. With a limit workers take submissions from the queue one by one and not in batches.
func WithQueueLimit(n int, p QueuePolicy) Option {
	return optionFunc(func(c *config) error {
		if n < 1 || n > MaxQueueLimit {
			return fmt.Errorf("scheduler: WithQueueLimit(%d, %v): limit %d: want 1 to %d", n, p, n, MaxQueueLimit)
		}
		if p > DropOldest {
			return fmt.Errorf("scheduler: WithQueueLimit(%d, %v): policy %d: want Block (0), Reject (1), CallerRuns (2) or DropOldest (3)", n, p, uint8(p))
		}
		c.queueLimit, c.queuePolicy = n, p
		return nil
	})
}
