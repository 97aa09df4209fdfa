package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/task"
)

// A stall waits for the survey that is under way. Its report has the stacks if the task still holds
// the worker when the survey ends. The next survey waits for a hundred times as long.
func TestStallWaitsForItsSurvey(t *testing.T) {
	var reports []Stall
	s := start(withWorkers(1), withStallHandler(func(st *Stall) { reports = append(reports, *st) }))
	s.mon.Stop() // the test is the monitor
	begun, stop := make(chan struct{}), make(chan struct{})
	hog := s.Go(func(*task.Ctx) {
		close(begun)
		<-stop
	})
	<-begun
	u := watchedWorker{s.workers()[0]}
	d, ok := u.Dispatch()
	require.True(t, ok)
	stall := func(at, age time.Duration) *stalled {
		return &stalled{Stall{Task: hog, Age: age}, u, d, int64(at)}
	}
	k := &s.sysmon.stacks
	v := &look.Survey{At: int64(time.Hour), Done: make(chan struct{})}
	k.survey = v

	require.False(t, s.sysmon.findStack(stall(time.Hour+time.Second, time.Second)), "it ran when the survey began")
	require.True(t, s.sysmon.findStack(stall(time.Hour+time.Second, time.Second-1)), "it did not")
	require.NotZero(t, s.sysmon.reportSurveyed(int64(time.Hour)), "the survey goes on, so sysmon looks again")
	require.Empty(t, reports)

	v.Runs, v.End = []string{"1 @ 0x1\n#\t0x1\tf+0x1\tx.go:1"}, v.At+int64(time.Minute)
	close(v.Done)
	require.Zero(t, s.sysmon.reportSurveyed(v.End))
	require.Len(t, reports, 1)
	require.Equal(t, "f(...)\n\tx.go:1\n", reports[0].Stack)
	require.Zero(t, s.sysmon.reportSurveyed(v.End+100*int64(time.Minute)-1))
	require.Len(t, reports, 1, "each is reported once")
	require.NotNil(t, k.survey)

	young := stall(time.Hour+time.Second, time.Second)
	require.True(t, s.sysmon.findStack(young), "the survey is over")
	require.NotEmpty(t, young.Stack)
	require.Zero(t, s.sysmon.reportSurveyed(v.End+100*int64(time.Minute)))
	require.Nil(t, k.survey)

	// This one goes on no longer when its survey ends, after the end of the monitor.
	k.survey = &look.Survey{Done: make(chan struct{}), Runs: v.Runs}
	require.False(t, s.sysmon.findStack(stall(time.Second, time.Second)))
	close(stop)
	close(k.survey.Done)
	s.Close()
	require.Len(t, reports, 2)
	require.Empty(t, reports[1].Stack)
}
