// Package balance checks the counts of a scheduler that has ended: they must all be 0. The tests of
// all packages that use schedulers call it.
package balance

import (
	"fmt"
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
)

// Watch makes each scheduler panic that ends with a count other than 0. TestMain calls it.
func Watch() { rt.AtEnd = check }

// patience is the longest time that check gives a goroutine to lower a count before it panics. A
// test that passes does not wait for it.
const patience = 5 * time.Minute

func check(b rt.Balance) {
	if b.Stranded != 0 {
		panic(fmt.Sprintf("a scheduler has left work beside a sleeping worker %d times", b.Stranded))
	}
	for begin := time.Now(); b.Live() != 0 || b.ReadyGoroutines() != 0; runtime.Gosched() {
		if time.Since(begin) > patience {
			panic(fmt.Sprintf("a scheduler has ended with %d live tasks, and owes a P to %d goroutines", b.Live(), b.ReadyGoroutines()))
		}
	}
}
