//go:build heddle_model

package preempt

// Doze is the monitor's way to sleep (M1 and M2 of [Monitor.KickBefore]), for models in other packages: next is what Tick has
// returned. It returns until when the monitor would sleep if nothing kicked it, and false if it has to tick again first.
func (m *Monitor) Doze(now, next int64) (until int64, sleeps bool) {
	if until = never; next != 0 {
		until = next
	}
	return until, m.doze(now, until)
}

// Kicked reports whether a kick is on its way.
func (m *Monitor) Kicked() bool { return len(m.kick) > 0 }
