package rt

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:noinline
func raise(v any) { panic(v) }

//go:noinline
func through() (Unwind, string) { return Unwinding(1) }

// A deferred function learns what unwinds its stack, also where recover returns nil for both.
func TestUnwinding(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	var p *int
	for name, c := range map[string]struct {
		f    func()
		want Unwind
	}{
		"panic":                 {func() { raise("x") }, Panicking},
		"panic(nil)":            {func() { raise(nil) }, Panicking},
		"of the runtime":        {func() { *p = 1 }, Panicking},
		"Goexit":                {runtime.Goexit, Exiting},
		"Goexit in a panic":     {func() { defer runtime.Goexit(); raise("x") }, Exiting},
		"panic in a Goexit":     {func() { defer raise("x"); runtime.Goexit() }, Panicking},
		"recovered in a Goexit": {func() { defer func() { recover() }(); defer raise("x"); runtime.Goexit() }, Exiting},
	} {
		t.Run(name, func(t *testing.T) {
			var direct, indirect Unwind
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() {
					direct, _ = Unwinding(0)
					indirect, _ = through()
					recover()
				}()
				c.f()
			}()
			<-done
			require.Equal(t, c.want, direct)
			require.Equal(t, c.want, indirect)
		})
	}
}

func TestUnwindingNamesThePanicker(t *testing.T) {
	defer func() {
		_, raiser := Unwinding(0)
		require.Equal(t, "github.com/heddle-go/heddle/internal/rt.raise", raiser)
		recover()
	}()
	raise("x")
}
