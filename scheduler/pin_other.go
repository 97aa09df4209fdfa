//go:build !linux

package scheduler

import (
	"errors"
	"runtime"
)

func pinningSupported(p Pinning) error {
	if p == CPUs {
		return errors.New("binding threads to CPUs is not supported on " + runtime.GOOS)
	}
	return nil
}

// threadID returns 0: thread moves are not counted on this system.
func threadID() int { return 0 }

// onFirstThread cannot be told on this system.
func onFirstThread() bool { return false }

func allowedCPUs() ([]int, error) { return nil, pinningSupported(CPUs) }

type binding struct{}

func (b *binding) bind(int) error { return pinningSupported(CPUs) }

func (b *binding) undo() {}
