package idle

import (
	"fmt"
	"runtime"
	"testing"
)

// Two threads wake each other in turn, whatever they sleep on. No wake-up is lost, and none is
// counted twice.
func TestParker(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		t.Run(fmt.Sprintf("fixed=%v", fixed), func(t *testing.T) {
			var a, b Parker
			a.Init(fixed)
			b.Init(fixed)
			const rounds = 1000
			turn := 0 // whose turn it is: the parkers order all accesses
			done := make(chan struct{})
			go func() {
				defer close(done)
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				for range rounds {
					b.Park()
					if turn != 1 {
						t.Error("woken out of turn")
					}
					turn = 0
					a.Unpark()
				}
			}()
			for range rounds {
				turn = 1
				b.Unpark()
				a.Park()
				if turn != 0 {
					t.Fatal("woken out of turn")
				}
			}
			<-done
		})
	}
}

// An Unpark that comes first is kept, and several count as one.
func TestUnparkFirst(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		var p Parker
		p.Init(fixed)
		for range 3 {
			p.Unpark()
			p.Unpark()
			p.Park()
		}
		woken := make(chan struct{})
		go func() {
			p.Park() // the token is used up
			close(woken)
		}()
		for range 100 {
			runtime.Gosched()
		}
		select {
		case <-woken:
			t.Fatal("Park returned without Unpark")
		default:
		}
		p.Unpark()
		<-woken
	}
}
