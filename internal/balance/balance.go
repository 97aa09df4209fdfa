// Package balance checks what has to be even when a scheduler has ended, for the tests of all packages that use schedulers.
package balance

import (
	"fmt"
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
)

// Watch has each scheduler that ends with anything left over panic. It is called by TestMain.
func Watch() { rt.AtEnd = check }

// patience is how long a goroutine may take to run before a count that it has to lower is called wrong. Nothing waits for it to pass.
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
