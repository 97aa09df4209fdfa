package schedtest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parseSchedule gives back the schedule that String has written.
func FuzzScheduleText(f *testing.F) {
	f.Add(uint64(0), []byte(nil))
	f.Add(uint64(1<<63), []byte{0, 0, 3, 0, 1, 255, 0})
	f.Fuzz(func(t *testing.T, seed uint64, choices []byte) {
		s := schedule{seed: seed, steps: len(choices), faults: Faults{Most: 1, Jump: time.Duration(seed >> 1), Cancel: []string{string(choices), ""}, QueueFull: seed%2 == 0}}
		for _, k := range choices {
			s.choices = append(s.choices, int(k))
		}
		text := s.String()
		back, err := parseSchedule(text)
		require.NoError(t, err)
		require.Equal(t, seed, back.seed)
		require.Equal(t, s.steps, back.steps)
		require.Equal(t, s.faults, back.faults)
		require.True(t, slices.Equal(trim(s.choices), back.choices), "%v, and back %v", s.choices, back.choices)
		require.Equal(t, text, back.String())
	})
}

// parseSchedule refuses a text in which a letter is missing or changed.
func TestScheduleTextIsChecked(t *testing.T) {
	text := schedule{seed: 7, choices: []int{0, 1, 2, 0, 0, 5}}.String()
	for i := range text {
		if i < len(version) {
			continue
		}
		_, err := parseSchedule(text[:i] + text[i+1:])
		require.ErrorContains(t, err, "not whole")
	}
	for _, bad := range []string{"", "v2:AAAA", version, version + "!", version + "AA", version + schedule{}.String()} {
		_, err := parseSchedule(bad)
		require.ErrorContains(t, err, "schedtest: schedule", bad)
		require.ErrorContains(t, err, "want the string that a failing test has printed")
	}
	_, err := parseSchedule(" " + text + "\n")
	require.NoError(t, err, "as the shell gives it")
}

// If a choice is too large, a strict script refuses it, and a script that is not strict takes it
// modulo the number of options.
func TestScript(t *testing.T) {
	s := &script{choices: []int{1, 5, 2}, strict: true}
	k, diverged := s.Pick(1, 0)
	require.Zero(t, k)
	require.Empty(t, diverged, "one option is no choice")
	k, _ = s.Pick(2, 0)
	require.Equal(t, 1, k)
	_, diverged = s.Pick(3, 9)
	require.Contains(t, diverged, "at step 9 the schedule takes choice 5, but there are only 3")

	s = &script{choices: []int{1, 5, 2}}
	var got []int
	for range 5 {
		k, diverged := s.Pick(3, 0)
		require.Empty(t, diverged)
		got = append(got, k)
	}
	require.Equal(t, []int{1, 2, 2, 0, 0}, got)
}
