package look

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The profile's text arrives in pieces.
func TestSieve(t *testing.T) {
	const (
		in    = "github.com/heddle-go/heddle/"
		loop  = "#\t0x1\t" + in + "internal/engine.(*progress).loop+0xd7\t\t/a b/loop.go:1\n"
		pull  = "#\t0x1\titer.Pull[...].func1.1+0x4e\t/iter.go:1\n"
		main  = "#\t0x1\tmain.main.func1+0xe\t/a b/main.go:1\n"
		park  = "#\t0x1\t" + in + "internal/engine.(*worker).ParkReady+0x1\t/switch.go:1\n"
		sleep = "#\t0x1\t" + in + "internal/engine.(*worker).parkThread+0x1\t/sleep.go:1\n" +
			"#\t0x1\t" + in + "internal/engine.(*progress).next+0x1\t/loop.go:1\n"
		labels = "# labels: {\"k\":\"v\", \"task\":\"a\"}\n"
	)
	kept := []string{
		"1 @ 0x1\n" + main + loop,
		"1 @ 0x1\n" + labels + main + loop,
		"1 @ 0x1\n" + pull + main + loop, // blocked in an iter.Pull of its own
	}
	all := []string{
		"goroutine profile: total 9\n9 @ 0x1\n" + pull + park + main + loop, // waits
		kept[0],
		"1 @ 0x1\n" + sleep + loop,
		"1 @ 0x1\n" + main,
		kept[1],
		"1 @ 0x1\n" + loop,
		kept[2],
	}
	var f sieve
	for _, b := range []byte(strings.Join(all, "\n") + "\n") {
		_, _ = f.Write([]byte{b})
	}
	for i := range kept {
		kept[i] = strings.TrimSuffix(kept[i], "\n")
	}
	require.Equal(t, kept, f.runs)

	v := Survey{Runs: f.runs}
	const mains = "main.main.func1(...)\n\t/a b/main.go:1\n" + in + "internal/engine.(*progress).loop(...)\n\t/a b/loop.go:1\n"
	require.Equal(t, mains, v.Stack("a"))
	require.Empty(t, v.Stack("b"))
	require.Equal(t, "one of the 3 stacks of tasks that ran at that moment:\n\n"+mains+"\n"+mains+
		"\niter.Pull[...].func1.1(...)\n\t/iter.go:1\n"+mains, v.Stack(""))
	for range 20 {
		v.Runs = append(v.Runs, kept[0])
	}
	require.Equal(t, mostShown, strings.Count(v.Stack(""), "main.main"), "a report is bounded")
}
