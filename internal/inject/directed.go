package inject

import "github.com/heddle-go/heddle/internal/rt"

// oneDirected is added to ranked in the queue of a directed scheduler. It is larger than any number
// of high tasks makes ranked.
const oneDirected = 1 << 62

// Direct makes q the queue of a directed scheduler. From then on AnyRanked and AnyHigh always
// report true. So whenever the worker looks for work, it takes the branch for ranked tasks, and
// there it asks the director. No submission finds room, so each has to use Overfill. wake is as in
// SetLimit. Direct is called once, before q is shared.
func (q *Queue) Direct(wake func(b *Blocked)) {
	q.ranked.Store(oneDirected)
	q.SetLimit(0, wake)
}

// Directed reports whether q is the queue of a directed scheduler. One load.
func (q *Queue) Directed() bool { return q.ranked.Load() >= oneDirected }

// TakeLevel is PopLevel, but waits for the mutex. It returns nil if q has no task of level l.
func (q *Queue) TakeLevel(l rt.Level) *rt.Task {
	q.mu.Lock()
	d, let := q.take(l)
	q.mu.Unlock()
	q.wakeLet(let)
	return d
}
