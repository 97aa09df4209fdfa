package cli

import (
	"bytes"
	"flag"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type level int

func (l level) String() string { return [...]string{"low", "normal", "high"}[l] }

// settings are those of the command that the tests parse.
type settings struct {
	n, rounds int
	length    time.Duration
	level     level
	args      []string
}

func parse(args string, maxArgs int) (set settings, errs string, err error) {
	var stderr bytes.Buffer
	set.level = 1
	f := NewFlags("cmd [flags] [folder]", "\nDoes it.\n", &stderr)
	f.MaxArgs = maxArgs
	f.IntRange(&set.n, "n", 3, 1, 9, "`number` of things")
	f.IntRange(&set.rounds, "rounds", 5, 0, math.MaxInt, "`number` of rounds")
	f.DurationRange(&set.length, "for", time.Second, time.Millisecond, time.Minute, "`time` it takes")
	Choice(f, &set.level, "level", "the `level`", level(0), level(1), level(2))
	err = f.Parse(strings.Fields(args))
	set.args = f.Args()
	return set, stderr.String(), err
}

func TestFlags(t *testing.T) {
	set, errs, err := parse("", 0)
	require.NoError(t, err)
	require.Empty(t, errs)
	require.Equal(t, settings{3, 5, time.Second, 1, []string{}}, set, "the defaults")

	for args, want := range map[string]settings{
		"-n 1 -for 1ms -rounds 0":        {1, 0, time.Millisecond, 1, []string{}},
		"-n 9 -for 1m -level high":       {9, 5, time.Minute, 2, []string{}},
		"-rounds 99999999 -level low":    {3, 99999999, time.Second, 0, []string{}},
		"-level normal -n=2 here -there": {2, 5, time.Second, 1, []string{"here", "-there"}},
	} {
		set, errs, err := parse(args, 2)
		require.NoError(t, err, args)
		require.Empty(t, errs, args)
		require.Equal(t, want, set, args)
	}
}

func TestBadFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-n 0":          "cmd: -n 0: want 1 to 9\n",
		"-n 10":         "cmd: -n 10: want 1 to 9\n",
		"-n x":          `invalid value "x" for flag -n`,
		"-rounds -1":    "cmd: -rounds -1: want 0 or more\n",
		"-for 1us":      "cmd: -for 1µs: want 1ms to 1m0s\n",
		"-for 61s":      "cmd: -for 1m1s: want 1ms to 1m0s\n",
		"-level higher": `invalid value "higher" for flag -level: want low, normal or high`,
		"a b":           `cmd: want at most 1 argument, not 2: ["a" "b"]`,
		"-x":            "flag provided but not defined: -x",
	} {
		_, errs, err := parse(args, 1)
		require.Error(t, err, args)
		require.Equal(t, 2, ParseCode(err), args)
		require.Contains(t, errs, want, args)
		require.Equal(t, 1, strings.Count(errs, "usage: cmd [flags] [folder]\n\nDoes it.\n\n"), errs)
	}
	_, errs, err := parse("a", 0)
	require.Error(t, err)
	require.Contains(t, errs, `cmd: want flags only, not ["a"]`)
}

func TestHelp(t *testing.T) {
	_, errs, err := parse("-n 0 -h", 0)
	require.ErrorIs(t, err, flag.ErrHelp)
	require.Equal(t, 0, ParseCode(err))
	require.Contains(t, errs, "usage: cmd [flags] [folder]\n\nDoes it.\n\n")
	require.Contains(t, errs, "-level level\n")
	require.Contains(t, errs, "the level: low, normal or high (default normal)\n")
	require.NotContains(t, errs, "want 1 to 9")
}
