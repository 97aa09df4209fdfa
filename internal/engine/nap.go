package engine

// A napCount says how often a worker reads the clock when it falls asleep and wakes, to divide its
// life into busy and idle time, and how often it looks at its thread (checkThread).
//
// A reading takes 35 ns, and a worker may sleep 300,000 times a second. So only the first exactNaps
// times in one value of the coarse clock are read. What follows until coarse changes, which takes
// 10 ms at most while sysmon is awake, is then counted as what it was at the next reading. That is
// right on average, like the accounting of operating systems that look at each tick.
type napCount struct {
	always bool   // read each time
	n      int32  // readings in this value of coarse
	coarse uint32 // coarse at the last reading
}

// exactNaps lets a worker that handles a thousand tasks a second, one at a time, read the clock each
// time: it falls asleep and wakes ten times in 10 ms.
const exactNaps = 32

// due reports whether the worker has to read the clock. coarse is the coarse clock.
func (n *napCount) due(coarse uint32) bool {
	if n.coarse != coarse {
		n.coarse, n.n = coarse, 0
	}
	if n.n == exactNaps {
		return n.always
	}
	n.n++
	return true
}

// napDue reports whether the worker, which falls asleep or has woken, has to read the clock. It
// does after a sleep for which sysmon fell asleep too, because that ticks for a second before.
func (w *worker) napDue() bool { return w.naps.due(w.s.coarse.Load()) }
