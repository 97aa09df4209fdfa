package fiber

// A Sleeper is a fiber, or has one embedded.
type Sleeper interface{ Self() *Fiber }

// A Reaper ends fibers, as many at a time as its user likes. It owns the fibers that it was given with Add, and each must be
// asleep outside of any work, so that it returns when it sees Dying. The zero Reaper has none. One goroutine at a time
// may use it, an ordinary one.
//
// A fiber ends by returning, and that wakes the fiber that sleeps in its own slot. So the Reaper first brings it home: the
// Reaper takes the occupant's place, the occupant takes the fiber's, and the fiber its own. That needs an occupant that nothing
// else can wake meanwhile, so one of the Reaper's own. If a stranger sleeps in a fiber's slot, the fiber has to stay until
// the stranger is added too, or until all have been taken back with Left, and the fiber has slept elsewhere.
//
// Fibers wander, so after some time the occupant of a slot can be any fiber of the pool. Therefore a Reaper that is given
// the fibers of a large pool little by little must remember those that it could not end. Once the occupant of a fiber's slot is the
// Reaper's, the slot's occupant always will be: an occupant that ends leaves its place to the one that slept in its own slot.
type Reaper[S Sleeper] struct {
	todo []S          // not ended, in the order in which End looks at them
	in   map[*Fiber]S // by the slot's fiber: which of todo sleeps in the slot
}

// Add gives the Reaper fibers.
func (r *Reaper[S]) Add(fs ...S) {
	if len(fs) == 0 {
		return
	}
	if r.in == nil {
		r.in = make(map[*Fiber]S, len(fs))
	}
	for _, f := range fs {
		r.in[f.Self().at] = f
	}
	r.todo = append(r.todo, fs...)
}

// looksPerEnd is at how many fibers End looks for each that it may end. A look costs about a tenth of ending a fiber
// (BenchmarkReap), so this doubles the time of a call at most, and goes through what wandered far in few calls.
const looksPerEnd = 8

// End ends up to most fibers and returns how many it has ended. It reports whether it has found that strangers sleep in the slots
// of all others.
func (r *Reaper[S]) End(most int) (n int, stuck bool) {
	self := Adopt()
	stuck = len(r.todo) <= looksPerEnd*most
	for range min(looksPerEnd*most, len(r.todo)) {
		if n == most {
			stuck = false
			break
		}
		s := r.todo[0]
		var none S
		r.todo[0] = none
		r.todo = r.todo[1:]
		if r.end(self, s.Self()) {
			n++
		} else {
			r.todo = append(r.todo, s)
		}
	}
	if len(r.todo) == 0 {
		*r = Reaper[S]{}
		return n, false
	}
	return n, stuck
}

// Len returns the number of fibers that have been added and have not ended.
func (r *Reaper[S]) Len() int { return len(r.todo) }

// Left takes back the fibers that have not ended.
func (r *Reaper[S]) Left() []S {
	left := r.todo
	*r = Reaper[S]{}
	return left
}

// end ends f, or reports false if a stranger sleeps in f's slot. self is the calling goroutine.
func (r *Reaper[S]) end(self, f *Fiber) bool {
	if at := f.at; at != f {
		s, ok := r.in[f]
		if !ok {
			return false
		}
		h := s.Self()
		// self sleeps in f's slot, h where f did; then f in its own, and self runs.
		h.relay(f)
		f.relay(self)
		Switch(self, h)
		r.in[at] = s
	}
	delete(r.in, f)
	f.dying = true
	if f.Goexits == 0 {
		Switch(self, f)
		return true
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Switch(Adopt(), f) // may not return: the Goexit comes out here
	}()
	<-done
	return true
}

// Reap ends fibers and returns those that it had to leave; see [Reaper].
func Reap[S Sleeper](fibers []S) (left []S) {
	var r Reaper[S]
	r.Add(fibers...)
	r.End(len(fibers))
	return r.Left()
}
