package rt

// Outstanding returns the number of calls that d, which runs, has forked and not joined.
func (d *Desc) Outstanding() int {
	n := d.Worker().Forks.PrivateLen()
	if x := d.Ext(); x != nil {
		n += len(x.frames)
	}
	return n
}

// SettleTo is [Desc.Settle] for all calls but the n oldest. It serves a caller that goes on after a panic
// of a function which may have forked calls and, by the panic, never came to join them.
func (d *Desc) SettleTo(n int) {
	for d.Outstanding() > n {
		if d.Worker().Forks.PopPrivate() != nil {
			continue
		}
		x := d.Ext()
		last := len(x.frames) - 1
		f := x.frames[last]
		x.frames[last] = nil
		x.frames = x.frames[:last]
		if !f.Claim() && f.Await() {
			d.AwaitWake() // d may be on another worker afterwards
		}
	}
}
