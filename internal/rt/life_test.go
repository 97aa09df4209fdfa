package rt_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
)

// A descriptor serves Lives tasks, and no two of them have the same Life.
func TestLivesOfADescriptor(t *testing.T) {
	d := new(rt.Task)
	seen := map[*rt.Life]bool{}
	for i := range rt.Lives {
		d.Start("fn", nil)
		c := d.Life()
		require.False(t, seen[c])
		seen[c] = true
		require.Same(t, d, c.Task())
		require.NoError(t, c.CtxErr())
		_, free := d.Finish(rt.Returned)
		require.Equal(t, i < rt.Lives-1, free, "life %d", i)
		require.Error(t, c.CtxErr())
	}
	for c := range seen {
		require.Error(t, c.CtxErr())
	}
}

// Renew and FinishPlain end a life only as far as the descriptor may serve another one, and leave
// all other ends to Finish.
func TestPlainEnds(t *testing.T) {
	for name, end := range map[string]func(d *rt.Task) bool{"Renew": (*rt.Task).Renew, "FinishPlain": (*rt.Task).FinishPlain} {
		d := new(rt.Task)
		d.Start("fn", nil)
		for i := range rt.Lives {
			c := d.Life()
			require.True(t, d.Status().InUse())
			require.Equal(t, i < rt.Lives-1, end(d), "%s of life %d", name, i)
			if i < rt.Lives-1 {
				require.Equal(t, name == "Renew", d.Status().InUse())
				require.Error(t, c.CtxErr())
				require.Nil(t, d.Fn())
			}
			if name == "FinishPlain" && i < rt.Lives-1 {
				d.Start("fn", nil)
			}
		}
		_, free := d.Finish(rt.Returned)
		require.False(t, free, name)

		for what, mark := range map[string]func(d *rt.Task){
			"cancelled": func(d *rt.Task) { d.Cancel(d.Gen(), rt.Default) },
			"escaped":   func(d *rt.Task) { d.Life().Escape() },
			"stale":     func(d *rt.Task) { require.True(t, d.Claim(d.Gen())) },
		} {
			d := new(rt.Task)
			d.Spawned("fn", nil)
			mark(d)
			gen := d.Gen()
			require.False(t, end(d), "%s of a task that is %s", name, what)
			require.True(t, d.Status().Live(gen))
		}
	}
}
