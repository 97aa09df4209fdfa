package engine

// newBare makes a scheduler for tests and models that call its steps themselves. Its n workers are
// members, not pinned, and have no goroutine. Its monitor has none either. The workers run on no
// fiber, so rt.Current does not find their tasks.
func newBare(n int, opts ...option) *Scheduler {
	s := newScheduler(configOf(append(opts, withWorkers(n), withPinning(Unpinned))...))
	ws := make([]*worker, n)
	for i := range ws {
		ws[i] = s.newWorker(i)
		ws[i].member.Store(wkMember)
		s.idle.Join()
	}
	s.pool.workers.Store(&ws)
	s.pool.size.Store(int64(n))
	s.shared.Workers.Store(int64(n))
	// One more P than workers, so that the scheduler is never crowded, whatever the machine.
	s.procs.Store(int32(n + 1))
	return s
}
