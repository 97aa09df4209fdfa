package rt

// Outstanding returns the number of calls that d, which runs, has forked and not joined.
func (d *Task) Outstanding() int {
	return d.Worker().Forks.PrivateLen() + d.Exposed()
}

// Exposed returns the number of those that others may have seen.
func (d *Task) Exposed() int {
	if x := d.Extra(); x != nil {
		return len(x.frames)
	}
	return 0
}

// UnwindForks is [Task.Settle] for all calls but the n oldest. It serves a caller that goes on after a panic
// of a function which may have forked calls and, by the panic, never came to join them. It returns what the calls that others have
// started failed with.
func (d *Task) UnwindForks(n int) (failed []error) {
	for d.Outstanding() > n {
		if d.Worker().Forks.PopPrivate() != nil {
			continue
		}
		x := d.Extra()
		last := len(x.frames) - 1
		f := x.frames[last]
		x.frames[last] = nil
		x.frames = x.frames[:last]
		if err := d.endFrame(f); err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}

// AwaitStarted waits until all calls have ended that d forked and others have started. They are still to be joined, as are those
// that nobody has started.
func (d *Task) AwaitStarted() {
	x := d.Extra()
	if x == nil {
		return
	}
	for _, f := range x.frames {
		if f.Await() { // false if it is queued, or done
			d.AwaitWake()
		}
	}
}

// FailWith makes err what d, which runs, fails with although a Goexit unwinds its stack: the failure of a call that d has joined. It
// cannot be raised as a panic. If a deferred call further out recovered that, the Goexit would go on there, and the
// failure would be lost. The first one counts.
func (d *Task) FailWith(err error) {
	if x := d.NeedExtra(); x.Err == nil {
		x.Err = err
	}
}

// TakeFailure returns what FailWith was called with, or nil, and takes it back: the caller passes it on in another way.
func (d *Task) TakeFailure() (err error) {
	if x := d.Extra(); x != nil {
		err, x.Err = x.Err, nil
	}
	return err
}
