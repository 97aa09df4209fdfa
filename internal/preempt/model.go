//go:build heddle_model

package preempt

// Doze makes the monitor's decision to sleep (Kick-M1 and Kick-M2 of [Monitor.KickBefore]) for
// models in other packages. next is the time that Tick returned. until is the time until which the
// monitor would sleep without a kick. If sleeps is false, the monitor has to tick again before it
// sleeps.
func (m *Monitor) Doze(now, next int64) (until int64, sleeps bool) {
	if until = noTick; next != 0 {
		until = next
	}
	return until, m.doze(now, until, true)
}

// Kicked reports whether a kick is on its way.
func (m *Monitor) Kicked() bool { return len(m.kick) > 0 }
