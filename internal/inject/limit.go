package inject

import (
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
)

// A limit is the state of a Queue that bounds its submissions. The queue's mutex guards it.
type limit struct {
	most    int
	wake    func(b *Blocked) // Block-K3, for workers
	n       int              // submissions that have room
	waiting [3]fifo          // the queued submissions, by level
	turn    bool             // see takeNew
	list    list.List[Blocked]
}

// SetLimit bounds the submissions that have not started to most. When a worker takes a submission
// from the queue, blocked ones may get room, and the worker queues their tasks. For each of these
// it calls wake, without the mutex, and wake has to wake the submitter. SetLimit is called once,
// before q is shared.
func (q *Queue) SetLimit(most int, wake func(b *Blocked)) {
	q.limit = &limit{most: most, wake: wake}
}

// Limited reports whether q has a limit.
func (q *Queue) Limited() bool { return q.limit != nil }

// Reserve takes room for one more submission, and reports whether there was any.
func (q *Queue) Reserve() bool {
	if q.limit == nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.limit.reserve()
}

// reserve is Reserve for a caller that holds the mutex.
func (a *limit) reserve() bool {
	if a.n >= a.most || a.list.First != nil {
		return false
	}
	a.n++
	return true
}

// Overfill takes room beyond the limit. q has a limit.
func (q *Queue) Overfill() {
	q.mu.Lock()
	q.limit.n++
	q.mu.Unlock()
}

// Reserved returns how many submissions have room.
func (q *Queue) Reserved() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.limit.n
}

// DropOldest takes room for a submission of level l. If there is none, it takes the oldest
// submission of the lowest level out of the queue, unless that level is above l. The new submission
// gets the room of this victim, which the caller has to end. If all queued submissions are above l,
// DropOldest takes nothing and returns false. If there is no room although no submission is queued,
// DropOldest takes room beyond the limit.
func (q *Queue) DropOldest(l rt.Level) (victim *rt.Task, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.limit
	if a.reserve() {
		return nil, true
	}
	if victim = q.oldest(l); victim != nil {
		return victim, true
	}
	if a.waiting[rt.High].n+a.waiting[rt.Normal].n > 0 {
		return nil, false
	}
	// No submission is queued: all the room is reserved for submissions that will be queued in a
	// moment.
	a.n++
	return nil, true
}

// oldest takes the oldest submission of the lowest level out of the queue. It returns nil if that
// level is above l.
func (q *Queue) oldest(l rt.Level) *rt.Task {
	for _, at := range [...]rt.Level{rt.Low, rt.Normal, rt.High} {
		if d := q.limit.waiting[at].pop(); d != nil {
			q.count(at, -1)
			return d
		}
		if at == l {
			break
		}
	}
	return nil
}

// takeNew reports whether a worker takes a submission rather than a task that was woken. It returns
// true every other time.
func (a *limit) takeNew() bool {
	a.turn = !a.turn
	return a.turn
}

// started gives back the room of a submission that a worker has taken from the queue to run it. It
// passes free room on to blocked submissions, queues their tasks, and returns these submissions.
// The caller has to wake the submitters when it has released the mutex (Block-K3).
func (q *Queue) started() (let list.Stack[Blocked]) {
	a := q.limit
	a.n--
	for a.n < a.most {
		b := a.list.Pop()
		if b == nil {
			break
		}
		a.n++
		b.let = true
		q.accept(b.d)
		let.Push(b)
	}
	return let
}
