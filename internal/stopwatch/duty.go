package stopwatch

// A Duty divides the time of a worker into the time in which it was busy and in which it was idle.
// The worker calls Begin, then any of Rest and Resume, then End, and may begin again. Any goroutine
// may call the other methods.
//
// The worker may leave out calls, because it has no time to look at the clock. Then all of the time
// since the last call counts as what the worker did before the next one.
type Duty struct {
	busy, idle Watch
	last       int64 // the time of the last call
}

// Begin says that the worker is busy from now on.
func (d *Duty) Begin(now int64) {
	d.busy.Start(now)
	d.last = now
}

// Rest says that the worker was busy until now, and is idle from now on.
func (d *Duty) Rest(now int64) {
	d.run(&d.busy, &d.idle)
	d.busy.Stop(now)
	d.idle.Start(now)
	d.last = now
}

// Resume says that the worker was idle until now, and is busy from now on.
func (d *Duty) Resume(now int64) {
	d.run(&d.idle, &d.busy)
	d.idle.Stop(now)
	d.Begin(now)
}

// End says that the worker was busy until now, and is neither from now on.
func (d *Duty) End(now int64) {
	d.run(&d.busy, &d.idle)
	d.busy.Stop(now)
}

// run makes w run since the last call, if the other Watch does.
func (d *Duty) run(w, other *Watch) {
	if !w.running() {
		other.Stop(d.last)
		w.Start(d.last)
	}
}

// Busy returns how long the worker was busy, in nanoseconds. See [Watch.Read].
func (d *Duty) Busy(now func() int64) int64 { return d.busy.Read(now) }

// Idle returns how long the worker was idle, in nanoseconds. See [Watch.Read].
func (d *Duty) Idle(now func() int64) int64 { return d.idle.Read(now) }
