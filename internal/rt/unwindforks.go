package rt

// Outstanding returns the number of calls that the running task d has forked and not joined.
func (d *Task) Outstanding() int {
	return d.Worker().Forks.PrivateLen() + d.Exposed()
}

// Exposed returns how many of the outstanding calls other workers may have seen.
func (d *Task) Exposed() int {
	if x := d.Extra(); x != nil && x.open != nil {
		return len(x.open.frames)
	}
	return 0
}

// UnwindForks ends all forked calls of the running task d except the n oldest, as
// [Task.EndOpenCalls] does. It is for a caller that recovers from the panic of a function and goes
// on: that function may have forked calls that the panic kept it from joining. UnwindForks returns
// the failures of the calls that other parties have started. It may park d.
func (d *Task) UnwindForks(n int) (failed []error) {
	for d.Outstanding() > n {
		if d.Worker().Forks.PopPrivate() != nil {
			continue
		}
		o := d.Extra().open
		last := len(o.frames) - 1
		f := o.frames[last]
		o.frames[last] = nil
		o.frames = o.frames[:last]
		if err := d.endFrame(f); err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}

// AwaitStarted parks d until the forked calls that other parties have started have all ended. d
// still has to join these calls, and those that no party has started.
func (d *Task) AwaitStarted() {
	x := d.Extra()
	if x == nil || x.open == nil {
		return
	}
	for _, f := range x.open.frames {
		if f.Await() { // false if the call is queued or done
			d.AwaitCall(f)
		}
	}
}

// FailWith makes err the failure of the running task d although a Goexit unwinds its stack. err is
// the failure of a call that d has joined. FailWith does not raise it as a panic, because a
// deferred call further out could recover the panic. Then the Goexit would go on from there, and
// the failure would be lost. If FailWith is called again, the first err stays.
func (d *Task) FailWith(err error) {
	if x := d.NeedExtra(); x.Err == nil {
		x.Err = err
	}
}

// TakeFailure removes and returns the error that FailWith has stored, or returns nil. The caller
// has to report the error in another way.
func (d *Task) TakeFailure() (err error) {
	if x := d.Extra(); x != nil && x.Err != nil {
		err, x.Err = x.Err, nil
	}
	return err
}
