package scheduler

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

// A stall waits for the survey that is under way. Its report has the stacks if the task still holds
// the worker when the survey ends. The next survey waits for a hundred times as long.
func TestStallWaitsForItsSurvey(t *testing.T) {
	var reports []Stall
	s, err := New(WithWorkers(1), WithStallHandler(func(st Stall) { reports = append(reports, st) }))
	require.NoError(t, err)
	s.mon.Stop() // the test is the monitor
	begun, stop := make(chan struct{}), make(chan struct{})
	hog := s.Go(func(*task.Ctx) {
		close(begun)
		<-stop
	})
	<-begun
	u := unit{s.workers()[0]}
	d, ok := u.Dispatch()
	require.True(t, ok)
	stall := func(at, age time.Duration) *stalled {
		return &stalled{Stall{Task: hog, Age: age}, u, d, int64(at)}
	}
	k := &s.sysmon.stacks
	v := &survey{at: int64(time.Hour), done: make(chan struct{})}
	k.survey = v

	require.False(t, s.findStack(stall(time.Hour+time.Second, time.Second)), "it ran when the survey began")
	require.True(t, s.findStack(stall(time.Hour+time.Second, time.Second-1)), "it did not")
	require.NotZero(t, s.reportSurveyed(int64(time.Hour)), "the survey goes on, so sysmon looks again")
	require.Empty(t, reports)

	v.runs, v.end = []string{"1 @ 0x1\n#\t0x1\tf+0x1\tx.go:1"}, v.at+int64(time.Minute)
	close(v.done)
	require.Zero(t, s.reportSurveyed(v.end))
	require.Len(t, reports, 1)
	require.Equal(t, "f(...)\n\tx.go:1\n", reports[0].Stack)
	require.Zero(t, s.reportSurveyed(v.end+100*int64(time.Minute)-1))
	require.Len(t, reports, 1, "each is reported once")
	require.NotNil(t, k.survey)

	young := stall(time.Hour+time.Second, time.Second)
	require.True(t, s.findStack(young), "the survey is over")
	require.NotEmpty(t, young.Stack)
	require.Zero(t, s.reportSurveyed(v.end+100*int64(time.Minute)))
	require.Nil(t, k.survey)

	// This one goes on no longer when its survey ends, after the end of the monitor.
	k.survey = &survey{done: make(chan struct{}), runs: v.runs}
	require.False(t, s.findStack(stall(time.Second, time.Second)))
	close(stop)
	close(k.survey.done)
	require.NoError(t, s.Close())
	require.Len(t, reports, 2)
	require.Empty(t, reports[1].Stack)
}

// The profile's text arrives in pieces.
func TestSieve(t *testing.T) {
	const (
		in    = "github.com/heddle-go/heddle/"
		loop  = "#\t0x1\t" + in + "scheduler.(*progress).loop+0xd7\t\t/a b/loop.go:1\n"
		pull  = "#\t0x1\titer.Pull[...].func1.1+0x4e\t/iter.go:1\n"
		main  = "#\t0x1\tmain.main.func1+0xe\t/a b/main.go:1\n"
		park  = "#\t0x1\t" + in + "scheduler.(*worker).ParkReady+0x1\t/switch.go:1\n"
		sleep = "#\t0x1\t" + in + "scheduler.(*worker).rest+0x1\t/rest.go:1\n" +
			"#\t0x1\t" + in + "scheduler.(*progress).next+0x1\t/loop.go:1\n"
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

	v := survey{runs: f.runs}
	const mains = "main.main.func1(...)\n\t/a b/main.go:1\n" + in + "scheduler.(*progress).loop(...)\n\t/a b/loop.go:1\n"
	require.Equal(t, mains, v.stack("a"))
	require.Empty(t, v.stack("b"))
	require.Equal(t, "one of the 3 stacks of tasks that ran at that moment:\n\n"+mains+"\n"+mains+
		"\niter.Pull[...].func1.1(...)\n\t/iter.go:1\n"+mains, v.stack(""))
	for range 20 {
		v.runs = append(v.runs, kept[0])
	}
	require.Equal(t, mostShown, strings.Count(v.stack(""), "main.main"), "a report is bounded")
}
