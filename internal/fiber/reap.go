package fiber

// A Sleeper is a fiber or a type that embeds one.
type Sleeper interface{ Self() *Fiber }

// A Reaper ends fibers. Each call of End ends at most as many as its caller asks for. The Reaper
// owns the fibers that Add gave it. Each of them must sleep outside of any work, so that it returns
// when it sees Dying. The zero Reaper has no fibers. Only one goroutine at a time may use a Reaper,
// and it must not be a fiber.
//
// A fiber ends by returning, which wakes the fiber that sleeps in its own slot. Let the occupant be
// the fiber that sleeps in the slot of fiber f. Before the Reaper can end f, it has to bring f
// home: the Reaper's goroutine takes the occupant's place, the occupant takes f's place, and f
// takes its own. The occupant must be one of the Reaper's own fibers, because no other party may
// wake it meanwhile. If the occupant is a stranger, f has to stay. The Reaper can end f later if
// the stranger is added too. Or the caller takes all fibers back with Left, and f gets another
// occupant when the fibers run again.
//
// Fibers wander, so after some time any fiber of a pool may be the occupant of a slot. If a Reaper
// gets the fibers of a large pool a few at a time, it must therefore remember the fibers that it
// could not end. Once the occupant of a slot belongs to the Reaper, all later occupants of that
// slot do too, because an occupant that ends leaves its place to the fiber that slept in its own
// slot.
type Reaper[S Sleeper] struct {
	todo []S          // not ended, in the order in which End tries them
	in   map[*Fiber]S // by a slot's fiber: the fiber of todo that sleeps in the slot
}

// Add gives fs to the Reaper.
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

// looksPerEnd is the number of fibers that End tries for each fiber that it may end. A try that
// fails costs about a tenth of ending a fiber (BenchmarkReap). So a value of 8 at most doubles the
// time of a call, and a few calls try all fibers, even if most of them have strangers in their
// slots.
const looksPerEnd = 8

// End ends up to most fibers and returns the number of fibers that it has ended. stuck reports
// whether it has tried all other fibers too, and found a stranger in the slot of each.
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

// Len returns the number of added fibers that have not ended.
func (r *Reaper[S]) Len() int { return len(r.todo) }

// Left takes back the fibers that have not ended and returns them.
func (r *Reaper[S]) Left() []S {
	left := r.todo
	*r = Reaper[S]{}
	return left
}

// end ends f. It returns false if a stranger sleeps in f's slot. self is the calling goroutine.
func (r *Reaper[S]) end(self, f *Fiber) bool {
	if at := f.at; at != f {
		s, ok := r.in[f]
		if !ok {
			return false
		}
		h := s.Self()
		// After this, self sleeps in f's slot and h where f slept. Then f sleeps in its own slot,
		// and self runs.
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

// Reap ends fibers and returns those that it could not end; see [Reaper].
func Reap[S Sleeper](fibers []S) (left []S) {
	var r Reaper[S]
	r.Add(fibers...)
	r.End(len(fibers))
	return r.Left()
}
