package rt

// Outstanding returns the number of calls that the running task d has forked and not joined.
func (d *Task) Outstanding() int {
	return d.Worker().Forks.PrivateLen() + d.Exposed()
}

// Exposed returns how many of the outstanding calls other workers may have seen.
func (d *Task) Exposed() int {
	if x := d.Extra(); x != nil {
		return len(x.frames)
	}
	return 0
}

// UnwindForks ends all forked calls of the running task d except the n oldest, as
// [Task.EndOpenCalls] does. It serves a caller that goes on after a panic of a function that may
// have forked calls and, because of the panic, did not join them. It returns the failures of the
// calls that others have started. It may park d.
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

// AwaitStarted parks d until all forked calls that others have started have ended. d still has to
// join them, as well as the calls that have not been started.
func (d *Task) AwaitStarted() {
	x := d.Extra()
	if x == nil {
		return
	}
	for _, f := range x.frames {
		if f.Await() { // false if the call is queued or done
			d.AwaitCall(f)
		}
	}
}

// FailWith makes err the failure of the running task d although a Goexit unwinds its stack. err is
// the failure of a call that d has joined. It cannot be raised as a panic, because a deferred call
// further out could recover it; then the Goexit would go on from there, and the failure would be
// lost. Only the first err counts.
func (d *Task) FailWith(err error) {
	if x := d.NeedExtra(); x.Err == nil {
		x.Err = err
	}
}

// TakeFailure returns the error that FailWith has stored, or nil, and removes it. The caller passes
// it on in another way.
func (d *Task) TakeFailure() (err error) {
	if x := d.Extra(); x != nil {
		err, x.Err = x.Err, nil
	}
	return err
}
