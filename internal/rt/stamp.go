package rt

// A stamp on a runnable task says since when the task has been waiting for a worker. The party that
// makes the task runnable puts the stamp on before it queues the task, and the worker that takes
// the task from the queue takes the stamp off. A stamp needs no field of its own in the descriptor.
// While a task is queued, its preempt.Flag needs no budget, because only a running task polls it.
// So the lower 32 bits of the stamp stand in place of that budget. The upper 5 bits stand in the
// status word, beside the bit flagStamped, which says that there is a stamp.
//
//	party that makes the task runnable      worker that takes it from a queue
//	Stamp-P1  store the budget, then CAS    Stamp-T1  load the word: is there a stamp?
//	          flag and upper bits in        Stamp-T2  load the budget, then CAS flag and
//	Stamp-P2  queue the task                          upper bits out
//
// The queue orders Stamp-P2 before Stamp-T1, and between the two no party owns the task. Other
// parties may change the word meanwhile, for example to cancel the task, but only by a CAS that
// keeps these bits or that ends the life. A loop that polls another task's flag by mistake lowers
// the budget, so the stamp becomes earlier by 32 ns for each poll.

const (
	flagStamped     = 1 << (waitReasonShift + 10)
	stampUpperShift = waitReasonShift + 11
	stampUpper      = 1<<(64-stampUpperShift) - 1
	stampUnit       = 5 // a stamp counts units of 1<<stampUnit ns; 2^37 of them are 73 minutes
	stampMask       = 1<<(32+64-stampUpperShift) - 1
)

// Stamp puts a stamp on d with the time now, in nanoseconds, which is not 0 (Stamp-P1). The caller
// owns d and is about to queue it.
func (d *Task) Stamp(now int64) { d.stamp(max(1, uint64(now)>>stampUnit&stampMask)) }

// StampOnly puts a stamp without a time on d.
func (d *Task) StampOnly() { d.stamp(0) }

func (d *Task) stamp(t uint64) {
	d.flag.Stow(int32(uint32(t)))
	for {
		s := d.status.Load()
		n := s&^(stampUpper<<stampUpperShift) | t>>32<<stampUpperShift | flagStamped
		if d.status.CompareAndSwap(s, n) {
			return
		}
	}
}

// Bits of the status word for a worker, which tests for some of them at each dispatch: a task with
// a stamp has BitStamped, and each task that is dispatched has BitActive.
const (
	BitStamped Status = flagStamped
	BitActive  Status = stActive
	// BitCancelled is set for a task that was cancelled: see Cancelled.
	BitCancelled Status = flagCancelled
)

// Stamped reports whether the task has a stamp (Stamp-T1).
func (s Status) Stamped() bool { return s&flagStamped != 0 }

// TakeStamp takes the stamp off (Stamp-T2) and returns how long before now it was put on, in
// nanoseconds, rounded to 32 and modulo 2^42. timed is false for a stamp without a time. The caller
// has just taken d from a queue.
func (d *Task) TakeStamp(now int64) (waited int64, timed bool) {
	t := uint64(uint32(d.flag.Budget()))
	for {
		s := d.status.Load()
		if d.status.CompareAndSwap(s, s&^(stampUpper<<stampUpperShift|flagStamped)) {
			t |= s >> stampUpperShift << 32
			break
		}
	}
	n := max(1, uint64(now)>>stampUnit&stampMask)
	return int64((n - t) & stampMask << stampUnit), t != 0
}
