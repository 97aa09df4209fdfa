//go:build heddle_model

package atomicx

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
)

func TestOperationsArePoints(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 1}, func(m *explore.Model) {
		var n Int64
		for _, name := range []string{"a", "b"} {
			m.Thread(name, func() { n.Store(n.Load() + 1) })
		}
		m.Check(func() error {
			if n.Load() != 2 {
				return errors.New("lost update")
			}
			return nil
		})
	})
	require.NotNil(t, failure)
	require.Contains(t, failure.Error(), "Int64.Store")
	require.Contains(t, failure.Error(), "atomicx_model_test.go:")
}

func TestMutexBlocksModelThreads(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, func(m *explore.Model) {
		var mu Mutex
		var n Int64
		for _, name := range []string{"a", "b"} {
			m.Thread(name, func() {
				mu.Lock()
				n.Store(n.Load() + 1)
				mu.Unlock()
			})
		}
		m.Check(func() error {
			if n.Load() != 2 {
				return errors.New("lost update")
			}
			return nil
		})
	})
}

func TestMutexDeadlockIsFound(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 1}, func(m *explore.Model) {
		var a, b Mutex
		both := 0
		m.Thread("ab", func() { a.Lock(); b.Lock(); both++; b.Unlock(); a.Unlock() })
		m.Thread("ba", func() { b.Lock(); a.Lock(); both++; a.Unlock(); b.Unlock() })
	})
	require.NotNil(t, failure)
	require.Equal(t, explore.Deadlock, failure.Kind)
	require.Contains(t, failure.Message, "ab in Mutex.Lock")
}
