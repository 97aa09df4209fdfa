package fiberpool

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/fiber"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sleeper returns a fiber that has started, and sleeps in its own slot until it is to end.
func sleeper() *fiber.Fiber {
	main := fiber.Adopt()
	f := fiber.New(func(f *fiber.Fiber) {
		for !f.Dying() {
			fiber.Switch(f, main)
		}
	})
	return f
}

func sleepers(n int) (fs []*fiber.Fiber) {
	for range n {
		fs = append(fs, sleeper())
	}
	return fs
}

// get takes a fiber, which there has to be.
func get(t *testing.T, p *Pool[*fiber.Fiber]) *fiber.Fiber {
	t.Helper()
	f, ok := p.Get()
	require.True(t, ok)
	return f
}

// The fiber that was put last comes first.
func TestLastInFirstOut(t *testing.T) {
	p := new(Pool[*fiber.Fiber])
	_, ok := p.Get()
	require.False(t, ok)
	fs := sleepers(3)
	p.Put(fs[0])
	p.Put(fs[1:]...)
	require.Equal(t, 3, p.Len())
	for i := 2; i >= 0; i-- {
		require.Same(t, fs[i], get(t, p))
	}
	p.Put(fs...)
	p.EndAll()
	require.Zero(t, p.Len())
}

// Trim ends what was idle all the time between two reviews, and no more.
func TestTrimEndsWhatIsSuperfluous(t *testing.T) {
	// Goroutines of earlier tests may still be about to end, so this test does not count them.
	earlier := goleak.IgnoreCurrent()
	p := new(Pool[*fiber.Fiber])
	p.Put(sleepers(10)...)
	have, superfluous := p.Review(true)
	require.Equal(t, 10, have)
	require.Zero(t, superfluous, "there were none at the beginning")
	require.False(t, p.Superfluous())
	fs := []*fiber.Fiber{get(t, p), get(t, p)}
	p.Put(fs...)
	have, superfluous = p.Review(false)
	require.Equal(t, 10, have)
	require.Equal(t, 4, superfluous, "half of those that no worker took")
	require.Equal(t, 3, p.Trim(3))
	require.True(t, p.Superfluous())
	require.Equal(t, 1, p.Trim(3))
	require.False(t, p.Superfluous())
	require.Zero(t, p.Trim(3))
	require.Equal(t, 6, p.Len())
	p.EndAll()
	goleak.VerifyNone(t, earlier) // the goroutines of the fibers have ended
}

// Workers that need the fibers meanwhile have them: fewer are ended.
func TestTrimLeavesWhatIsNeeded(t *testing.T) {
	p := new(Pool[*fiber.Fiber])
	p.Put(sleepers(4)...)
	p.Review(true)
	_, superfluous := p.Review(true)
	require.Equal(t, 4, superfluous)
	fs := []*fiber.Fiber{get(t, p), get(t, p), get(t, p)}
	require.Equal(t, 1, p.Trim(10))
	_, ok := p.Get()
	require.False(t, ok)
	p.Put(fs...)
	p.EndAll()
}

// A fiber in whose slot a stranger sleeps cannot be ended, and goes back to the pool; a retired one
// never serves again.
func TestTrimBesideAStranger(t *testing.T) {
	p := new(Pool[*fiber.Fiber])
	main := fiber.Adopt()
	var a, b *fiber.Fiber
	back := func(f *fiber.Fiber) {
		for !f.Dying() {
			fiber.Switch(f, main)
		}
	}
	b = fiber.New(back)
	a = fiber.New(func(f *fiber.Fiber) {
		fiber.Switch(f, b) // it sleeps in b's slot
		back(f)
	})
	fiber.Switch(main, a)
	p.Put(a)
	p.Review(true)
	p.Review(true)
	require.Zero(t, p.Trim(10), "b sleeps in its slot")
	require.Same(t, a, get(t, p), "it came back")
	a.Goexits = MaxGoexits
	p.Retire(a)
	require.Zero(t, p.Trim(10))
	_, ok := p.Get()
	require.False(t, ok, "it is retired")
	a.Goexits = 0
	p.Put(b)
	p.EndAll()
	require.Zero(t, p.Len())
}
